"""Watches that stay, and the cache above them."""

import threading

from kazoo.protocol.states import EventType
from kazoo.recipe.cache import TreeCache, TreeEvent

from stage import PATIENCE, equal, eventually, recipe


@recipe
def children_watch(a, b, path):
    seen = []
    a.ensure_path(path)
    a.ChildrenWatch(path, lambda names: seen.append(sorted(names)))
    eventually(lambda: seen == [[]])
    b.create(path + "/x")
    eventually(lambda: seen == [[], ["x"]])
    b.create(path + "/y")
    eventually(lambda: seen == [[], ["x"], ["x", "y"]])
    b.delete(path + "/x")
    eventually(lambda: seen[2:] == [["x", "y"], ["y"]])


@recipe
def data_watch(a, b, path):
    seen = []
    a.DataWatch(path, lambda data, stat, event: seen.append((data, event and event.type)))
    eventually(lambda: seen == [(None, None)])
    b.ensure_path(path)
    eventually(lambda: seen[1:] == [(b"", EventType.CREATED)])
    b.set(path, b"1")
    eventually(lambda: seen[2:] == [(b"1", EventType.CHANGED)])
    b.delete(path)
    eventually(lambda: seen[3:] == [(None, EventType.DELETED)])


@recipe
def tree_cache(a, b, path):
    b.ensure_path(path + "/x/y")
    ready = threading.Event()
    cache = TreeCache(a, path)
    cache.listen(lambda event: ready.set() if event.event_type == TreeEvent.INITIALIZED else None)
    cache.start()
    assert ready.wait(PATIENCE)
    equal({"y"}, set(cache.get_children(path + "/x")))
    b.set(path + "/x/y", b"1")
    eventually(lambda: cache.get_data(path + "/x/y").data == b"1")
    b.create(path + "/x/z", b"2")
    eventually(lambda: set(cache.get_children(path + "/x")) == {"y", "z"})
    b.delete(path + "/x/y")
    eventually(lambda: set(cache.get_children(path + "/x")) == {"z"})
    cache.close()
