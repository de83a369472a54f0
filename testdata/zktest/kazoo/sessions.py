"""Sessions: closed, moved to another connection, lost."""

import threading

from kazoo.client import KazooState
from kazoo.exceptions import NodeExistsError
from kazoo.protocol.states import EventType

from stage import Later, PATIENCE, connect, equal, eventually, intrude, recipe, refused


@recipe
def ephemeral(a, b, path):
    gone = threading.Event()
    c = connect()
    c.create(path, ephemeral=True, makepath=True)
    stat = b.exists(path, watch=lambda event: gone.set() if event.type == EventType.DELETED else None)
    equal(c.client_id[0], stat.ephemeralOwner)
    refused(NodeExistsError, b.create, path)
    c.stop()
    c.close()
    assert gone.wait(PATIENCE)
    equal(None, b.exists(path))


@recipe
def reconnect(a, b, path):
    c, states, seen = connect(), [], []
    c.add_listener(states.append)
    c.create(path, ephemeral=True, makepath=True)
    c.DataWatch(path, lambda data, stat: seen.append(data))
    eventually(lambda: seen == [b""])
    before = c.client_id
    intrude(c, close=False)
    b.set(path, b"1")
    eventually(lambda: seen[-1] == b"1", "the change")
    equal([KazooState.SUSPENDED, KazooState.CONNECTED], states)
    equal(before, c.client_id)
    assert b.exists(path)
    c.stop()
    c.close()


@recipe
def session_lost(a, b, path):
    c, states = connect(), []
    c.add_listener(states.append)
    one, two = c.Lock(path, "one"), b.Lock(path, "two")
    assert one.acquire()
    waiter = Later(two.acquire)
    assert waiter.waits()
    before = c.client_id
    intrude(c, close=True)
    assert waiter.result()
    eventually(lambda: c.connected and c.client_id[0] != before[0], "a new session")
    eventually(lambda: KazooState.LOST in states, "the loss")
    equal(["two"], one.contenders())
    two.release()
    c.stop()
    c.close()
