package curator;

import static curator.Stage.*;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.apache.curator.framework.AuthInfo;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;

/** Transactions, access, and what the server removes by itself. */
class Data {
    static void transaction(String path) throws Exception {
        create(a, path);
        List<CuratorTransactionResult> results = a.transaction().forOperations(
                a.transactionOp().create().forPath(path + "/x", bytes("1")),
                a.transactionOp().setData().forPath(path + "/x", bytes("2")),
                a.transactionOp().check().withVersion(1).forPath(path + "/x"),
                a.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(path + "/s-"),
                a.transactionOp().delete().withVersion(1).forPath(path + "/x"));
        equal(path + "/s-0000000001", results.get(3).getResultPath());
        equal(1, results.get(1).getResultStat().getVersion());
        equal(List.of("s-0000000001"), b.getChildren().forPath(path));
        try {
            b.transaction().forOperations(
                    b.transactionOp().create().forPath(path + "/y"),
                    b.transactionOp().check().withVersion(7).forPath(path),
                    b.transactionOp().delete().forPath(path + "/s-0000000001"));
            throw new AssertionError("not refused");
        } catch (KeeperException.BadVersionException e) {
            equal(List.of(0, -103, -2), e.getResults().stream().map(r -> ((OpResult.ErrorResult) r).getErr()).collect(Collectors.toList()));
        }
        equal(List.of("s-0000000001"), a.getChildren().forPath(path));
    }

    static void acl(String path) throws Exception {
        AuthInfo secret = new AuthInfo("digest", bytes("user:secret"));
        try (CuratorFramework one = connect(secret); CuratorFramework two = connect(secret); CuratorFramework wrong = connect(new AuthInfo("digest", bytes("user:guess")))) {
            one.create().creatingParentsIfNeeded().withACL(ZooDefs.Ids.CREATOR_ALL_ACL).forPath(path, bytes("1"));
            equal("1", string(two.getData().forPath(path)));
            for (CuratorFramework other : List.of(b, wrong)) {
                refused(KeeperException.Code.NOAUTH, () -> other.getData().forPath(path));
                refused(KeeperException.Code.NOAUTH, () -> other.setData().forPath(path));
                refused(KeeperException.Code.NOAUTH, () -> other.create().forPath(path + "/x"));
                refused(KeeperException.Code.NOAUTH, () -> other.getChildren().forPath(path));
                refused(KeeperException.Code.NOAUTH, () -> other.setACL().withACL(ZooDefs.Ids.OPEN_ACL_UNSAFE).forPath(path));
            }
            List<ACL> acl = two.getACL().forPath(path);
            two.setACL().withACL(List.of(acl.get(0), ZooDefs.Ids.READ_ACL_UNSAFE.get(0))).forPath(path);
            equal("1", string(b.getData().forPath(path)));
            equal("user:x", b.getACL().forPath(path).get(0).getId().getId());
            refused(KeeperException.Code.NOAUTH, () -> b.setData().forPath(path));
            equal("user", two.getZookeeperClient().getZooKeeper().whoAmI().stream().filter(c -> c.getAuthScheme().equals("digest")).findFirst().get().getUser());
        }
    }

    static void container(String path) throws Exception {
        for (String name : List.of(path + "/used", path + "/unused")) {
            a.create().creatingParentsIfNeeded().withMode(CreateMode.CONTAINER).forPath(name);
        }
        create(b, path + "/used/x");
        CountDownLatch gone = new CountDownLatch(1);
        b.checkExists().usingWatcher((Watcher) event -> gone.countDown()).forPath(path + "/used");
        b.delete().forPath(path + "/used/x");
        check(gone.await(PATIENCE, SECONDS), "it is still there");
        check(!exists(path + "/used") && exists(path + "/unused"), "the wrong one has gone");
    }

    static void ttl(String path) throws Exception {
        a.create().withTtl(100).creatingParentsIfNeeded().withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(path + "/short");
        a.create().withTtl(3600000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(path + "/long");
        equal(path + "/s-0000000002", a.create().withTtl(100).withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL).forPath(path + "/s-"));
        PersistentTtlNode node = new PersistentTtlNode(a, path + "/kept", 3600000, new byte[0]);
        node.start();
        check(node.waitForInitialCreate(PATIENCE, SECONDS), "not created");
        eventually("the end of two", () -> !exists(path + "/short") && !exists(path + "/s-0000000002"));
        check(exists(path + "/long") && exists(path + "/kept"), "the wrong one has gone");
        node.close();
    }

    /** What Curator's recipes do not ask of a server. */
    static void plainClient(String path) throws Exception {
        create(b, path + "/x/y");
        ZooKeeper zk = a.getZookeeperClient().getZooKeeper();
        equal(2, zk.getAllChildrenNumber(path));
        zk.create(path + "/e", bytes("1"), ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        equal(List.of(path + "/e"), zk.getEphemerals(path));
        List<OpResult> read = zk.multi(List.of(Op.getData(path + "/e"), Op.getChildren(path + "/x"), Op.getData(path + "/none")));
        equal("1", string(((OpResult.GetDataResult) read.get(0)).getData()));
        equal(List.of("y"), ((OpResult.GetChildrenResult) read.get(1)).getChildren());
        equal(KeeperException.Code.NONODE.intValue(), ((OpResult.ErrorResult) read.get(2)).getErr());
        equal(0, a.getConfig().forEnsemble().length);
    }
}
