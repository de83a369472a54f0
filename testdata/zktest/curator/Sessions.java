package curator;

import static curator.Stage.*;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;

/** Sessions: closed, moved to another connection, lost. */
class Sessions {
    static void ephemeral(String path) throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        try (CuratorFramework c = connect()) {
            c.create().creatingParentsIfNeeded().withMode(CreateMode.EPHEMERAL).forPath(path);
            equal(c.getZookeeperClient().getZooKeeper().getSessionId(), b.checkExists().usingWatcher((Watcher) event -> gone.countDown()).forPath(path).getEphemeralOwner());
            refused(KeeperException.Code.NODEEXISTS, () -> b.create().forPath(path));
            refused(KeeperException.Code.NOCHILDRENFOREPHEMERALS, () -> b.create().forPath(path + "/x"));
        }
        check(gone.await(PATIENCE, SECONDS), "it is still there");
        check(!exists(path), "it is still there");
    }

    static void reconnect(String path) throws Exception {
        for (String name : List.of("/set", "/unset", "/ever")) {
            create(b, path + name);
        }
        Set<String> seen = ConcurrentHashMap.newKeySet();
        Watcher watcher = event -> {
            if (event.getType() != Watcher.Event.EventType.None) { // Else it is about the connection.
                seen.add(event.getType() + " " + event.getPath());
            }
        };
        try (CuratorFramework c = connect()) {
            ZooKeeper zk = c.getZookeeperClient().getZooKeeper();
            long session = zk.getSessionId();
            CountDownLatch suspended = new CountDownLatch(1);
            CountDownLatch again = new CountDownLatch(1);
            c.getConnectionStateListenable().addListener((client, state) -> (state == ConnectionState.SUSPENDED ? suspended : again).countDown());
            c.create().withMode(CreateMode.EPHEMERAL).forPath(path + "/mine");
            c.getData().usingWatcher(watcher).forPath(path + "/set");
            c.getChildren().usingWatcher(watcher).forPath(path + "/set");
            c.checkExists().usingWatcher(watcher).forPath(path + "/new");
            c.getData().usingWatcher(watcher).forPath(path + "/unset");
            c.checkExists().usingWatcher(watcher).forPath(path + "/newer");
            zk.addWatch(path + "/ever", watcher, AddWatchMode.PERSISTENT_RECURSIVE); // Curator would set it anew, and the client does not have to.

            intrude(c, false);
            b.setData().forPath(path + "/set", bytes("1"));
            create(b, path + "/set/x");
            create(b, path + "/new");
            check(suspended.await(PATIENCE, SECONDS), "no loss of the connection");
            check(again.await(PATIENCE, SECONDS), "no connection again");
            eventually("what was missed", () -> seen.containsAll(
                    List.of("NodeDataChanged " + path + "/set", "NodeChildrenChanged " + path + "/set", "NodeCreated " + path + "/new")));
            equal(3, seen.size());

            b.setData().forPath(path + "/unset", bytes("1"));
            create(b, path + "/newer");
            create(b, path + "/ever/x");
            eventually("what is still watched", () -> seen.containsAll(
                    List.of("NodeDataChanged " + path + "/unset", "NodeCreated " + path + "/newer", "NodeCreated " + path + "/ever/x")));
            equal(session, zk.getSessionId());
            equal(session, b.checkExists().forPath(path + "/mine").getEphemeralOwner());
        }
    }

    static void sessionLost(String path) throws Exception {
        try (CuratorFramework c = connect()) {
            CountDownLatch lost = new CountDownLatch(1);
            c.getConnectionStateListenable().addListener((client, state) -> {
                if (state == ConnectionState.LOST) {
                    lost.countDown();
                }
            });
            long session = c.getZookeeperClient().getZooKeeper().getSessionId();
            PersistentNode node = new PersistentNode(c, CreateMode.EPHEMERAL, false, path + "/node", bytes("1"));
            node.start();
            check(node.waitForInitialCreate(PATIENCE, SECONDS), "not created");
            LeaderLatch one = new LeaderLatch(c, path + "/latch", "one");
            LeaderLatch two = new LeaderLatch(b, path + "/latch", "two");
            one.start();
            check(one.await(PATIENCE, SECONDS), "no leader");
            two.start();
            eventually("the second", () -> two.getParticipants().size() == 2);
            intrude(c, true);
            check(two.await(PATIENCE, SECONDS), "no leader after the first");
            check(lost.await(PATIENCE, SECONDS), "not told");
            eventually("the node again", () -> exists(path + "/node") && b.checkExists().forPath(path + "/node").getEphemeralOwner() != session);
            eventually("the first again", () -> two.getParticipants().size() == 2);
            check(!one.hasLeadership(), "two lead");
            one.close();
            two.close();
            node.close();
        }
    }
}
