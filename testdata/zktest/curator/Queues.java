package curator;

import static curator.Stage.*;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/** Numbers and queues. */
class Queues {
    static void atomicLong(String path) throws Exception {
        Set<Long> values = ConcurrentHashMap.newKeySet();
        List<Future<?>> counting = new CopyOnWriteArrayList<>();
        for (CuratorFramework client : List.of(a, b)) {
            DistributedAtomicLong number = new DistributedAtomicLong(client, path, new RetryNTimes(1000, 1));
            counting.add(later(() -> {
                for (int i = 0; i < 20; i++) {
                    AtomicValue<Long> value = number.increment();
                    check(value.succeeded(), "not incremented");
                    check(values.add(value.postValue()), "a value came twice");
                }
                return null;
            }));
        }
        for (Future<?> c : counting) {
            result(c);
        }
        equal(40L, new DistributedAtomicLong(a, path, new RetryNTimes(1, 1)).get().postValue());
    }

    static void sharedCount(String path) throws Exception {
        try (SharedCount one = new SharedCount(a, path, 3); SharedCount two = new SharedCount(b, path, 3)) {
            one.start();
            two.start();
            equal(3, two.getCount());
            VersionedValue<Integer> before = two.getVersionedValue();
            one.setCount(7);
            eventually("the change", () -> two.getCount() == 7);
            check(!two.trySetCount(before, 9), "a stale value was accepted");
            check(two.trySetCount(two.getVersionedValue(), 8), "a value was refused");
            eventually("the other change", () -> one.getCount() == 8);
        }
    }

    static void simpleQueue(String path) throws Exception {
        create(b, path); // Else it is a container, which may go while it is empty.
        SimpleDistributedQueue one = new SimpleDistributedQueue(a, path);
        SimpleDistributedQueue two = new SimpleDistributedQueue(b, path);
        Future<byte[]> waiter = later(two::take);
        waits(waiter);
        one.offer(bytes("1"));
        equal("1", string(result(waiter)));
        one.offer(bytes("2"));
        one.offer(bytes("3"));
        equal("2", string(two.peek()));
        equal("2", string(two.poll(PATIENCE, SECONDS)));
        equal("3", string(one.poll()));
        equal(null, two.poll(A_WHILE, MILLISECONDS));
    }

    static final QueueSerializer<String> words = new QueueSerializer<>() {
        @Override
        public byte[] serialize(String item) {
            return bytes(item);
        }

        @Override
        public String deserialize(byte[] bytes) {
            return string(bytes);
        }
    };

    static QueueConsumer<String> into(List<String> got) {
        return new QueueConsumer<>() {
            @Override
            public void consumeMessage(String message) {
                got.add(message);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {}
        };
    }

    static void queue(String path) throws Exception {
        create(b, path);
        create(b, path + "-locks");
        List<String> got = new CopyOnWriteArrayList<>();
        try (var one = QueueBuilder.builder(a, into(got), words, path).lockPath(path + "-locks").buildQueue();
                var two = QueueBuilder.builder(b, into(got), words, path).lockPath(path + "-locks").buildQueue()) {
            one.start();
            two.start();
            Set<String> put = new TreeSet<>();
            for (char c = 'a'; c < 'u'; c++) {
                put.add("" + c);
                (c % 2 == 0 ? one : two).put("" + c);
            }
            eventually("everything", () -> got.size() >= put.size() && children(path) == 0);
            equal(List.copyOf(put), got.stream().sorted().collect(Collectors.toList()));
        }
    }

    static void priorityQueue(String path) throws Exception {
        create(b, path);
        List<String> got = new CopyOnWriteArrayList<>();
        try (var one = QueueBuilder.builder(a, null, words, path).buildPriorityQueue(0);
                var two = QueueBuilder.builder(b, into(got), words, path).buildPriorityQueue(0)) {
            one.start();
            one.put("low", 9);
            one.put("high", 1);
            eventually("both", () -> children(path) == 2);
            two.start();
            eventually("everything", () -> got.size() == 2);
            equal(List.of("high", "low"), got);
        }
    }
}
