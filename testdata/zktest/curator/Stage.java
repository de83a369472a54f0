package curator;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import org.apache.curator.framework.AuthInfo;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;

/** Two clients of one server, and what the recipes are told and asked with. */
class Stage {
    static final int PATIENCE = 20; // Seconds to wait for what should come. It bounds hangs and measures nothing.
    static final int A_WHILE = 50; // Milliseconds in which what must not happen would.

    static final ExecutorService threads = Executors.newCachedThreadPool();
    static String address;
    static CuratorFramework a;
    static CuratorFramework b;

    static void open(String at) throws Exception {
        address = at;
        a = connect();
        b = connect();
    }

    static void close() {
        a.close();
        b.close();
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void eventually(String what, Condition condition) throws Exception {
        for (long end = System.nanoTime() + SECONDS.toNanos(PATIENCE); !condition.holds(); Thread.sleep(5)) {
            check(System.nanoTime() < end, what + " did not come");
        }
    }

    static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object want, Object got) {
        check(Objects.equals(want, got), "want " + want + ", got " + got);
    }

    static void refused(KeeperException.Code want, Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (KeeperException e) {
            equal(want, e.code());
            return;
        }
        throw new AssertionError("not refused with " + want);
    }

    static <T> Future<T> later(Callable<T> call) {
        return threads.submit(call);
    }

    static <T> T result(Future<T> future) throws Exception {
        return future.get(PATIENCE, SECONDS);
    }

    static void waits(Future<?> future) throws Exception {
        try {
            future.get(A_WHILE, MILLISECONDS);
        } catch (TimeoutException e) {
            return;
        }
        throw new AssertionError("it did not wait");
    }

    static CuratorFramework connect(AuthInfo... auth) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder()
                .connectString(address)
                .sessionTimeoutMs(10000)
                .connectionTimeoutMs(10000)
                .retryPolicy(new RetryNTimes(10, 100))
                .authorization(Arrays.asList(auth))
                .build();
        client.start();
        check(client.blockUntilConnected(PATIENCE, SECONDS), "no connection");
        return client;
    }

    /** Takes over the client's session on another connection, and leaves at once: the client must reconnect, or has lost its session if that is closed. */
    static void intrude(CuratorFramework client, boolean close) throws Exception {
        ZooKeeper zk = client.getZookeeperClient().getZooKeeper();
        int colon = address.lastIndexOf(':');
        try (Socket socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))) {
            socket.setSoTimeout(PATIENCE * 1000);
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            out.writeInt(45); // The length.
            out.writeInt(0); // The protocol.
            out.writeLong(0); // The last zxid seen.
            out.writeInt(10000); // The timeout.
            out.writeLong(zk.getSessionId());
            out.writeInt(zk.getSessionPasswd().length);
            out.write(zk.getSessionPasswd());
            out.writeBoolean(false); // A read-only server will not do.
            in.skipBytes(12);
            equal(zk.getSessionId(), in.readLong());
            if (close) {
                out.writeInt(8); // The length.
                out.writeInt(1); // The xid.
                out.writeInt(ZooDefs.OpCode.closeSession);
                in.readAllBytes(); // To the end of the connection.
            }
        }
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    static String string(byte[] b) {
        return b == null ? null : new String(b, StandardCharsets.UTF_8);
    }

    static String create(CuratorFramework client, String path) throws Exception {
        return client.create().creatingParentsIfNeeded().forPath(path, new byte[0]);
    }

    static int children(String path) throws Exception {
        try {
            return a.getChildren().forPath(path).size();
        } catch (KeeperException.NoNodeException e) {
            return 0;
        }
    }

    static boolean exists(String path) throws Exception {
        return b.checkExists().forPath(path) != null;
    }

    private Stage() {}
}
