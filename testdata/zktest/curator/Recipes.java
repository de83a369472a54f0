package curator;

import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Future;

/**
 * Plays Apache Curator's recipes, all at once and each between two clients, and says on a line for each whether it held: "ok lock", or "failed lock: ...".
 * The server has containers and TTL nodes, and removes those that are due within seconds.
 *
 * <p>Usage: java -cp ... curator.Recipes HOST:PORT DIRECTORY, where the directory is one in ZooKeeper that is not there yet.
 */
public class Recipes {
    static final Map<String, Future<?>> playing = new LinkedHashMap<>();
    static String directory;

    public static void main(String[] args) throws Exception {
        Stage.open(args[0]);
        directory = args[1];

        start("lock", Locks::lock);
        start("revoked-lock", Locks::revokedLock);
        start("semaphore-mutex", Locks::semaphoreMutex);
        start("multi-lock", Locks::multiLock);
        start("read-write-lock", Locks::readWriteLock);
        start("semaphore", Locks::semaphore);

        start("leader-latch", Groups::leaderLatch);
        start("leader-selector", Groups::leaderSelector);
        start("group-member", Groups::groupMember);
        start("barrier", Groups::barrier);
        start("double-barrier", Groups::doubleBarrier);

        start("atomic-long", Queues::atomicLong);
        start("shared-count", Queues::sharedCount);
        start("simple-queue", Queues::simpleQueue);
        start("queue", Queues::queue);
        start("priority-queue", Queues::priorityQueue);

        start("cache", Watches::cache);
        start("tree-cache", Watches::treeCache);
        start("path-children-cache", Watches::pathChildrenCache);
        start("node-cache", Watches::nodeCache);
        start("persistent-watcher", Watches::persistentWatcher);
        start("removed-watch", Watches::removedWatch);

        start("transaction", Data::transaction);
        start("acl", Data::acl);
        start("container", Data::container);
        start("ttl", Data::ttl);
        start("plain-client", Data::plainClient);

        start("ephemeral", Sessions::ephemeral);
        start("reconnect", Sessions::reconnect);
        start("session-lost", Sessions::sessionLost);

        playing.forEach(Recipes::report);
        Stage.close();
        System.exit(0);
    }

    interface Recipe {
        void play(String path) throws Exception;
    }

    static void start(String name, Recipe recipe) {
        playing.put(name, Stage.later(() -> {
            recipe.play(directory + "/" + name);
            return null;
        }));
    }

    static void report(String name, Future<?> playing) {
        try {
            playing.get(2 * Stage.PATIENCE, SECONDS);
            System.out.println("ok " + name);
        } catch (Exception e) {
            e.printStackTrace();
            System.out.println("failed " + name + ": " + e);
        }
    }
}
