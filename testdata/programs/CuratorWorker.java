import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.Socket;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryForever;

/**
 * A worker as many are: it takes a lock with Apache Curator, and works until it is told that the lock is gone, without a token. It believes in its lock until Curator
 * reports LOST.
 *
 * <p>zkctl partition --for session+1s --lock-path /locks/orders --resource plain -- java -cp ... CuratorWorker
 */
public class CuratorWorker {
    public static void main(String[] args) throws Exception {
        CountDownLatch lost = new CountDownLatch(1);
        CuratorFramework client = CuratorFrameworkFactory.builder()
                .connectString(System.getenv("ZK_SERVERS"))
                .sessionTimeoutMs(3000)
                .connectionTimeoutMs(10000)
                .retryPolicy(new RetryForever(100))
                // Else Curator takes the addresses of an ensemble from the ensemble, and goes round the proxies.
                .ensembleTracker(false)
                .build();
        client.getConnectionStateListenable().addListener((c, state) -> {
            System.out.println("Curator says " + state);
            if (state == ConnectionState.LOST) {
                lost.countDown();
            }
        });
        client.start();
        client.blockUntilConnected();
        InterProcessMutex lock = new InterProcessMutex(client, System.getenv("LOCK_PATH"));
        lock.acquire();
        System.out.println("working");
        String address = System.getenv("RESOURCE_ADDR");
        int colon = address.lastIndexOf(':');
        try (Socket account = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))) {
            PrintWriter out = new PrintWriter(account.getOutputStream(), true);
            BufferedReader in = new BufferedReader(new InputStreamReader(account.getInputStream()));
            while (!lost.await(50, TimeUnit.MILLISECONDS)) {
                out.println("write - ten crowns more");
                if (in.readLine() == null) {
                    break;
                }
            }
        }
        System.out.println("stopped");
        System.exit(0);
    }
}
