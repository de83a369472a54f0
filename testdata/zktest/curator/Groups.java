package curator;

import static curator.Stage.*;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.nodes.GroupMember;

/** Leaders, members and barriers. */
class Groups {
    static void leaderLatch(String path) throws Exception {
        LeaderLatch one = new LeaderLatch(a, path, "one");
        LeaderLatch two = new LeaderLatch(b, path, "two");
        one.start();
        check(one.await(PATIENCE, SECONDS), "no leader");
        two.start();
        eventually("the second", () -> one.getParticipants().size() == 2);
        check(!two.await(A_WHILE, MILLISECONDS), "two lead");
        equal("one", two.getLeader().getId());
        one.close();
        check(two.await(PATIENCE, SECONDS), "no leader after the first");
        two.close();
    }

    static void leaderSelector(String path) throws Exception {
        AtomicInteger leaders = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        class Candidate extends LeaderSelectorListenerAdapter implements AutoCloseable {
            final CountDownLatch terms = new CountDownLatch(3);
            final LeaderSelector selector;

            Candidate(CuratorFramework client) {
                selector = new LeaderSelector(client, path, this);
                selector.autoRequeue();
                selector.start();
            }

            @Override
            public void takeLeadership(CuratorFramework client) throws Exception {
                most.accumulateAndGet(leaders.incrementAndGet(), Math::max);
                Thread.sleep(1);
                leaders.decrementAndGet();
                terms.countDown();
            }

            @Override
            public void close() {
                selector.close();
            }
        }
        try (Candidate one = new Candidate(a); Candidate two = new Candidate(b)) {
            check(one.terms.await(PATIENCE, SECONDS) && two.terms.await(PATIENCE, SECONDS), "not elected");
        }
        equal(1, most.get());
    }

    static void groupMember(String path) throws Exception {
        GroupMember one = new GroupMember(a, path, "one");
        GroupMember two = new GroupMember(b, path, "two");
        one.start();
        two.start();
        eventually("both", () -> one.getCurrentMembers().size() == 2 && two.getCurrentMembers().size() == 2);
        equal(Set.of("one", "two"), two.getCurrentMembers().keySet());
        one.close();
        eventually("one less", () -> two.getCurrentMembers().keySet().equals(Set.of("two")));
        two.close();
    }

    static void barrier(String path) throws Exception {
        DistributedBarrier one = new DistributedBarrier(a, path);
        DistributedBarrier two = new DistributedBarrier(b, path);
        one.setBarrier();
        check(!two.waitOnBarrier(A_WHILE, MILLISECONDS), "the barrier is open");
        Future<Boolean> waiter = later(() -> two.waitOnBarrier(PATIENCE, SECONDS));
        waits(waiter);
        one.removeBarrier();
        check(result(waiter), "the barrier is closed");
    }

    static void doubleBarrier(String path) throws Exception {
        DistributedDoubleBarrier one = new DistributedDoubleBarrier(a, path, 2);
        DistributedDoubleBarrier two = new DistributedDoubleBarrier(b, path, 2);
        Future<Boolean> entering = later(() -> one.enter(PATIENCE, SECONDS));
        eventually("the first", () -> children(path) == 1);
        waits(entering);
        check(two.enter(PATIENCE, SECONDS) && result(entering), "not entered");
        Future<Boolean> leaving = later(() -> one.leave(PATIENCE, SECONDS));
        // That it waits is not promised: a notification that comes late, of the way in, lets Curator leave early.
        check(two.leave(PATIENCE, SECONDS) && result(leaving), "not left");
        equal(0, children(path));
    }
}
