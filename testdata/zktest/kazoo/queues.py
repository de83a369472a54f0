"""Counters and queues."""

from stage import A_WHILE, Later, PATIENCE, equal, recipe


@recipe
def counter(a, b, path):
    def count(c):
        for _ in range(20):
            c += 1
            c -= 2
        return c

    for t in [Later(count, a.Counter(path, default=50)), Later(count, b.Counter(path, default=50))]:
        t.result()
    equal(10, b.Counter(path).value)


@recipe
def queue(a, b, path):
    one, two = a.Queue(path), b.Queue(path)
    for value, priority in [(b"second", 100), (b"third", 100), (b"first", 1)]:
        one.put(value, priority)
    equal(3, len(two))
    equal([b"first", b"second", b"third", None], [two.get(), one.get(), two.get(), one.get()])
    got = []

    def take(q):
        while True:
            value = q.get()
            if value == b"end":
                return
            if value is not None:
                got.append(value)

    takers = [Later(take, one), Later(take, two)]
    for i in range(20):
        one.put(b"%02d" % i)
    for _ in takers:
        two.put(b"end", 999)
    for t in takers:
        t.result()
    equal([b"%02d" % i for i in range(20)], sorted(got))


@recipe
def locking_queue(a, b, path):
    one, two = a.LockingQueue(path), b.LockingQueue(path)
    waiter = Later(two.get, PATIENCE)
    assert waiter.waits()
    one.put_all([b"x", b"y"])
    equal({b"x", b"y"}, {waiter.result(), one.get()})
    assert one.holds_lock() and two.holds_lock()
    assert one.consume() and two.release()
    equal(1, len(one))
    assert one.get(PATIENCE) in (b"x", b"y")
    assert one.consume()
    equal(0, len(two))
    equal(None, two.get(A_WHILE))
