import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryOneTime;

/**
 * Takes and gives back a lock with Apache Curator, as told on standard input: lock, try, unlock.
 *
 * <p>Usage: java -cp ... CuratorLock.java HOST:PORT LOCK-PATH
 */
public class CuratorLock {
    public static void main(String[] args) throws Exception {
        try (CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 10000, 10000, new RetryOneTime(100))) {
            client.start();
            client.blockUntilConnected();
            InterProcessMutex lock = new InterProcessMutex(client, args[1]);
            System.out.println("ready");
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            for (String word = in.readLine(); word != null; word = in.readLine()) {
                switch (word) {
                    case "lock":
                        lock.acquire();
                        System.out.println("held");
                        break;
                    case "try":
                        System.out.println(lock.acquire(200, TimeUnit.MILLISECONDS) ? "held" : "busy");
                        break;
                    case "unlock":
                        lock.release();
                        System.out.println("released");
                        break;
                    default:
                        System.out.println("what?");
                }
            }
        }
    }
}
