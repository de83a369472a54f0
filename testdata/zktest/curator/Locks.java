package curator;

import static curator.Stage.*;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;

/** Locks, read-write locks and semaphores. */
class Locks {
    static void lock(String path) throws Exception {
        contend(new InterProcessMutex(a, path), new InterProcessMutex(b, path));
        InterProcessMutex one = new InterProcessMutex(a, path);
        InterProcessMutex two = new InterProcessMutex(b, path);
        one.acquire();
        Future<Boolean> waiter = later(() -> {
            two.acquire();
            two.release();
            return true;
        });
        eventually("the waiter", () -> one.getParticipantNodes().size() == 2);
        waits(waiter);
        one.release();
        result(waiter);
    }

    static void contend(InterProcessLock one, InterProcessLock two) throws Exception {
        one.acquire();
        check(!two.acquire(A_WHILE, MILLISECONDS), "two hold the lock");
        one.release();
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger visits = new AtomicInteger();
        List<Future<?>> contenders = new CopyOnWriteArrayList<>();
        for (InterProcessLock lock : List.of(one, two)) {
            contenders.add(later(() -> {
                for (int i = 0; i < 10; i++) {
                    check(lock.acquire(PATIENCE, SECONDS), "not acquired");
                    equal(1, inside.incrementAndGet());
                    visits.incrementAndGet();
                    Thread.sleep(1);
                    inside.decrementAndGet();
                    lock.release();
                }
                return null;
            }));
        }
        for (Future<?> c : contenders) {
            result(c);
        }
        equal(20, visits.get());
    }

    static void revokedLock(String path) throws Exception {
        InterProcessMutex one = new InterProcessMutex(a, path);
        CountDownLatch asked = new CountDownLatch(1);
        one.makeRevocable(lock -> asked.countDown());
        one.acquire();
        Revoker.attemptRevoke(b, one.getParticipantNodes().iterator().next());
        check(asked.await(PATIENCE, SECONDS), "not asked to release");
        one.release();
    }

    static void semaphoreMutex(String path) throws Exception {
        contend(new InterProcessSemaphoreMutex(a, path), new InterProcessSemaphoreMutex(b, path));
    }

    static void multiLock(String path) throws Exception {
        contend(new InterProcessMultiLock(a, List.of(path + "/x", path + "/y")), new InterProcessMutex(b, path + "/y"));
    }

    static void readWriteLock(String path) throws Exception {
        InterProcessReadWriteLock one = new InterProcessReadWriteLock(a, path);
        InterProcessReadWriteLock two = new InterProcessReadWriteLock(b, path);
        one.readLock().acquire();
        check(two.readLock().acquire(PATIENCE, SECONDS), "one reader shuts another out");
        two.readLock().release();
        Future<Boolean> writer = later(() -> {
            two.writeLock().acquire();
            check(!one.readLock().acquire(A_WHILE, MILLISECONDS), "a reader beside a writer");
            two.writeLock().release();
            return true;
        });
        eventually("the writer", () -> children(path) == 2);
        waits(writer);
        one.readLock().release();
        result(writer);
        contend(one.writeLock(), two.writeLock());
    }

    static void semaphore(String path) throws Exception {
        InterProcessSemaphoreV2 one = new InterProcessSemaphoreV2(a, path, 2);
        InterProcessSemaphoreV2 two = new InterProcessSemaphoreV2(b, path, 2);
        Lease first = one.acquire(PATIENCE, SECONDS);
        Lease second = two.acquire(PATIENCE, SECONDS);
        check(first != null && second != null, "two leases are not there");
        equal(null, two.acquire(A_WHILE, MILLISECONDS));
        Future<Lease> third = later(() -> one.acquire());
        waits(third);
        two.returnLease(second);
        one.returnLease(result(third));
        one.returnLease(first);
        equal(0, children(path + "/leases"));
    }
}
