package curator;

import static curator.Stage.*;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;

/** Caches, and the watches under them. */
class Watches {
    static void cache(String path) throws Exception {
        create(b, path + "/x/y");
        List<String> seen = new CopyOnWriteArrayList<>();
        try (CuratorCache cache = CuratorCache.build(a, path)) {
            cache.listenable().addListener(CuratorCacheListener.builder()
                    .forInitialized(() -> seen.add("initialised"))
                    .forCreates(node -> seen.add("created " + node.getPath()))
                    .forChanges((before, node) -> seen.add("changed " + node.getPath() + " to " + string(node.getData())))
                    .forDeletes(node -> seen.add("deleted " + node.getPath()))
                    .build());
            cache.start();
            eventually("the beginning", () -> seen.contains("initialised"));
            equal(Set.of("created " + path, "created " + path + "/x", "created " + path + "/x/y", "initialised"), Set.copyOf(seen));
            seen.clear();
            create(b, path + "/x/y/z");
            eventually("a node", () -> seen.equals(List.of("created " + path + "/x/y/z")));
            b.setData().forPath(path + "/x/y", bytes("1"));
            eventually("a change", () -> seen.size() == 2);
            b.delete().deletingChildrenIfNeeded().forPath(path + "/x");
            eventually("three less", () -> seen.size() == 5);
            equal(List.of("created " + path + "/x/y/z", "changed " + path + "/x/y to 1"), seen.subList(0, 2));
            equal(Set.of("deleted " + path + "/x/y/z", "deleted " + path + "/x/y", "deleted " + path + "/x"), Set.copyOf(seen.subList(2, 5)));
            equal(1, cache.size());
        }
    }

    static void treeCache(String path) throws Exception {
        create(b, path + "/x/y");
        try (TreeCache cache = new TreeCache(a, path)) {
            cache.start();
            eventually("the beginning", () -> cache.getCurrentData(path + "/x/y") != null);
            create(b, path + "/x/z");
            b.setData().forPath(path + "/x/z", bytes("1"));
            eventually("a change", () -> cache.getCurrentData(path + "/x/z") != null && string(cache.getCurrentData(path + "/x/z").getData()).equals("1"));
            b.delete().forPath(path + "/x/y");
            eventually("one less", () -> cache.getCurrentChildren(path + "/x").keySet().equals(Set.of("z")));
        }
    }

    static void pathChildrenCache(String path) throws Exception {
        create(b, path + "/x");
        List<String> seen = new CopyOnWriteArrayList<>();
        try (PathChildrenCache cache = new PathChildrenCache(a, path, true)) {
            cache.getListenable().addListener((client, event) -> seen.add(event.getType() + " " + event.getData().getPath().substring(path.length())));
            cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
            equal(1, cache.getCurrentData().size());
            create(b, path + "/y");
            eventually("a child", () -> seen.equals(List.of("CHILD_ADDED /y")));
            b.setData().forPath(path + "/x", bytes("1"));
            eventually("a change", () -> seen.size() == 2);
            b.delete().forPath(path + "/y");
            eventually("one less", () -> seen.size() == 3);
            equal(List.of("CHILD_ADDED /y", "CHILD_UPDATED /x", "CHILD_REMOVED /y"), seen);
        }
    }

    static void nodeCache(String path) throws Exception {
        try (NodeCache cache = new NodeCache(a, path)) {
            cache.start(true);
            equal(null, cache.getCurrentData());
            create(b, path);
            eventually("the node", () -> cache.getCurrentData() != null);
            b.setData().forPath(path, bytes("1"));
            eventually("the change", () -> string(cache.getCurrentData().getData()).equals("1"));
            b.delete().forPath(path);
            eventually("the end", () -> cache.getCurrentData() == null);
        }
    }

    static void persistentWatcher(String path) throws Exception {
        create(b, path);
        List<String> flat = new CopyOnWriteArrayList<>();
        List<String> deep = new CopyOnWriteArrayList<>();
        PersistentWatcher one = new PersistentWatcher(a, path, false);
        PersistentWatcher all = new PersistentWatcher(b, path, true);
        CountDownLatch set = new CountDownLatch(2);
        one.getListenable().addListener(event -> flat.add(event.getType() + event.getPath().substring(path.length())));
        all.getListenable().addListener(event -> deep.add(event.getType() + event.getPath().substring(path.length())));
        one.getResetListenable().addListener(set::countDown);
        all.getResetListenable().addListener(set::countDown);
        one.start();
        all.start();
        check(set.await(PATIENCE, SECONDS), "no watch");
        for (int i = 0; i < 2; i++) {
            create(a, path + "/x");
            create(b, path + "/x/y");
            b.setData().forPath(path);
            a.delete().deletingChildrenIfNeeded().forPath(path + "/x");
        }
        eventually("the children", () -> flat.size() >= 6);
        eventually("the tree", () -> deep.size() >= 10);
        List<String> each = List.of("NodeChildrenChanged", "NodeDataChanged", "NodeChildrenChanged");
        List<String> deepEach = List.of("NodeCreated/x", "NodeCreated/x/y", "NodeDataChanged", "NodeDeleted/x/y", "NodeDeleted/x");
        equal(Collections.nCopies(2, each).stream().flatMap(List::stream).collect(Collectors.toList()), flat);
        equal(Collections.nCopies(2, deepEach).stream().flatMap(List::stream).collect(Collectors.toList()), deep);
        one.close();
        all.close();
    }

    static void removedWatch(String path) throws Exception {
        create(b, path);
        List<String> seen = new CopyOnWriteArrayList<>();
        Watcher watcher = event -> seen.add(event.getType().toString());
        a.getData().usingWatcher(watcher).forPath(path);
        a.watches().remove(watcher).forPath(path);
        b.setData().forPath(path, bytes("1"));
        a.sync().forPath(path);
        equal("1", string(a.getData().forPath(path)));
        eventually("the removal", () -> !seen.isEmpty());
        equal(List.of("DataWatchRemoved"), seen);
        refused(KeeperException.Code.NOWATCHER, () -> a.watches().remove(watcher).forPath(path));
    }
}
