import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.retry.RetryNTimes;

/**
 * Increments Apache Curator's DistributedAtomicLong, once for each line on standard input, and prints whether it says that it has, and the value.
 *
 * <p>Usage: java -cp ... CuratorCounter.java HOST:PORT PATH
 */
public class CuratorCounter {
    public static void main(String[] args) throws Exception {
        try (CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 10000, 10000, new RetryNTimes(10, 200))) {
            client.start();
            client.blockUntilConnected();
            DistributedAtomicLong counter = new DistributedAtomicLong(client, args[1], new RetryNTimes(10, 20));
            counter.initialize(0L);
            System.out.println("ready");
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                AtomicValue<Long> value = counter.increment();
                System.out.println(value.succeeded() + " " + value.postValue());
            }
        }
    }
}
