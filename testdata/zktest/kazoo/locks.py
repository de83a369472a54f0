"""Locks, semaphores, leases and elections."""

import datetime
import threading

from stage import Later, PATIENCE, Section, equal, eventually, recipe


def contend(one, two):
    section = Section()

    def rounds(lock):
        for _ in range(10):
            with lock:
                section.visit()

    for t in [Later(rounds, one), Later(rounds, two)]:
        t.result()
    equal(20, section.visits)


@recipe
def lock(a, b, path):
    one, two = a.Lock(path, "one"), b.Lock(path, "two")
    assert one.acquire()
    assert not two.acquire(blocking=False)
    waiter = Later(two.acquire)
    eventually(lambda: one.contenders() == ["one", "two"])
    assert waiter.waits()
    one.release()
    assert waiter.result()
    two.release()
    contend(one, two)


@recipe
def read_write_lock(a, b, path):
    one, two, writer = a.ReadLock(path), b.ReadLock(path), b.WriteLock(path)
    assert one.acquire() and two.acquire(timeout=PATIENCE)
    assert not writer.acquire(blocking=False)
    two.release()
    waiter = Later(writer.acquire)
    assert waiter.waits()
    one.release()
    assert waiter.result()
    assert not one.acquire(blocking=False)
    writer.release()
    contend(a.WriteLock(path), writer)


@recipe
def semaphore(a, b, path):
    one, two, three = (c.Semaphore(path, i, 2) for c, i in [(a, "one"), (b, "two"), (b, "three")])
    assert one.acquire() and two.acquire(timeout=PATIENCE)
    equal(["one", "two"], sorted(one.lease_holders()))
    assert not three.acquire(blocking=False)
    waiter = Later(three.acquire)
    assert waiter.waits()
    one.release()
    assert waiter.result()
    equal(["three", "two"], sorted(one.lease_holders()))
    two.release()
    three.release()


@recipe
def lease(a, b, path):
    hour = datetime.timedelta(hours=1)
    assert a.NonBlockingLease(path + "/one", hour, "a")
    assert not b.NonBlockingLease(path + "/one", hour, "b")
    assert a.MultiNonBlockingLease(2, path + "/two", hour, "a")
    assert b.MultiNonBlockingLease(2, path + "/two", hour, "b")
    assert not b.MultiNonBlockingLease(2, path + "/two", hour, "c")


@recipe
def election(a, b, path):
    one, two = a.Election(path, "one"), b.Election(path, "two")
    leads, done = threading.Event(), threading.Event()
    section = Section()

    def lead():
        leads.set()
        assert done.wait(PATIENCE)
        section.visit()

    first = Later(one.run, lead)
    assert leads.wait(PATIENCE)
    second = Later(two.run, section.visit)
    eventually(lambda: two.contenders() == ["one", "two"])
    assert second.waits()
    equal(0, section.visits)
    done.set()
    first.result()
    second.result()
    equal(2, section.visits)
