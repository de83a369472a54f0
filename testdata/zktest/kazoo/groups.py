"""Parties, partitioners and barriers."""

from stage import A_WHILE, Later, PATIENCE, equal, eventually, recipe


def meet(one, two, names):
    one.join()
    two.join()
    equal(names, sorted(one))
    equal(2, len(two))
    one.leave()
    equal(names[1:], list(two))
    two.leave()


@recipe
def party(a, b, path):
    meet(a.Party(path, "p1"), b.Party(path, "p2"), ["p1", "p2"])


@recipe
def shallow_party(a, b, path):
    meet(a.ShallowParty(path, "p1"), b.ShallowParty(path, "p2"), ["p1", "p2"])


@recipe
def partitioner(a, b, path):
    one, two = (c.SetPartitioner(path, set("1234"), identifier=i, time_boundary=0.1) for c, i in [(a, "one"), (b, "two")])

    def step(*members):
        for p in members:
            if p.release:
                p.release_set()
        return all(p.acquired for p in members) and "1234" == "".join(sorted(x for p in members for x in p))

    eventually(lambda: step(one, two) and len(list(one)) == 2, "half of the set for each")
    one.finish()
    eventually(lambda: step(two), "all of the set for one")
    two.finish()


@recipe
def barrier(a, b, path):
    one, two = a.Barrier(path), b.Barrier(path)
    one.create()
    assert not two.wait(A_WHILE)
    waiter = Later(two.wait, PATIENCE)
    assert waiter.waits()
    assert one.remove()
    assert waiter.result()
    assert not two.remove()


@recipe
def double_barrier(a, b, path):
    one, two = a.DoubleBarrier(path, 2, "one"), b.DoubleBarrier(path, 2, "two")
    for first, second in [(one.enter, two.enter), (one.leave, two.leave)]:
        waiter = Later(first)
        assert waiter.waits()
        second()
        waiter.result()
    assert not one.participating and not two.participating
