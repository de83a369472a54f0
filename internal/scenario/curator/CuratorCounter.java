import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.retry.RetryNTimes;

/**
 * Increments Apache Curator's DistributedAtomicLong, with as many threads as it is told.
 *
 * <p>Usage: java -cp ... CuratorCounter.java HOST:PORT[,HOST:PORT]... SESSIONS, and then, on standard input, one line for each window:
 *
 * <p>PATH THREADS BEGIN RAMP LENGTH
 *
 * <p>with BEGIN in milliseconds since 1970, and the others in microseconds. The answer is one line: the increments that ended in the time that is measured, those that began in it, the writes that those
 * took, all increments there were, the number of increments of each thread, and how long each took, in microseconds.
 */
public class CuratorCounter {
    static class Window {
        long ended;
        long tries;
        long all;
        final List<Long> micros = new ArrayList<>();
    }

    public static void main(String[] args) throws Exception {
        List<CuratorFramework> clients = new ArrayList<>();
        for (int i = 0; i < Integer.parseInt(args[1]); i++) {
            CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 20000, 20000, new RetryNTimes(10, 200));
            client.start();
            client.blockUntilConnected();
            clients.add(client);
        }
        Map<String, List<DistributedAtomicLong>> made = new HashMap<>();
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] word = line.split(" ");
            int threads = Integer.parseInt(word[1]);
            List<DistributedAtomicLong> counters = made.get(word[0]);
            if (counters == null) {
                counters = new ArrayList<>();
                for (int i = 0; i < threads; i++) {
                    // As often as it takes, a millisecond apart: it has no better way of its own.
                    counters.add(new DistributedAtomicLong(clients.get(i % clients.size()), word[0], new RetryNTimes(Integer.MAX_VALUE, 1)));
                }
                counters.get(0).initialize(0L);
                made.put(word[0], counters);
            }
            run(counters, Long.parseLong(word[2]), Long.parseLong(word[3]), Long.parseLong(word[4]));
        }
        for (CuratorFramework client : clients) {
            client.close();
        }
    }

    static void run(List<DistributedAtomicLong> counters, long begin, long ramp, long length) throws Exception {
        long wait = begin - System.currentTimeMillis();
        if (wait > 0) {
            Thread.sleep(wait);
        }
        long from = System.nanoTime() + ramp * 1000;
        long until = from + length * 1000;
        AtomicReference<Exception> failed = new AtomicReference<>();
        List<Window> windows = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (DistributedAtomicLong counter : counters) {
            Window w = new Window();
            windows.add(w);
            Thread t = new Thread(() -> {
                try {
                    for (long start = System.nanoTime(); start < until; start = System.nanoTime()) {
                        AtomicValue<Long> value = counter.increment();
                        if (!value.succeeded()) {
                            throw new IllegalStateException("an increment failed");
                        }
                        long end = System.nanoTime();
                        w.all++;
                        if (end >= from && end < until) {
                            w.ended++;
                        }
                        if (start >= from) {
                            w.tries += value.getStats().getOptimisticTries();
                            w.micros.add((end - start) / 1000);
                        }
                    }
                } catch (Exception e) {
                    failed.set(e);
                }
            });
            threads.add(t);
            t.start();
        }
        for (Thread t : threads) {
            t.join();
        }
        if (failed.get() != null) {
            System.out.println("failed " + failed.get());
            return;
        }
        long ended = 0;
        long tries = 0;
        long all = 0;
        long measured = 0;
        StringBuilder each = new StringBuilder();
        StringBuilder times = new StringBuilder();
        for (Window w : windows) {
            ended += w.ended;
            tries += w.tries;
            all += w.all;
            measured += w.micros.size();
            each.append(' ').append(w.micros.size());
            for (long micros : w.micros) {
                times.append(' ').append(micros);
            }
        }
        System.out.println("done " + ended + " " + measured + " " + tries + " " + all + each + times);
    }
}
