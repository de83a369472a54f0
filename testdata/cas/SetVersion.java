import java.io.File;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.zookeeper.server.DataTree;
import org.apache.zookeeper.server.persistence.FileTxnSnapLog;

/**
 * Sets the versions of znodes' data in the files of a ZooKeeper that is not running, as if they had been written that often.
 *
 * <p>Usage: java -cp ... SetVersion.java DATA-DIRECTORY [PATH VERSION]...
 */
public class SetVersion {
    public static void main(String[] args) throws Exception {
        File dir = new File(args[0]);
        FileTxnSnapLog files = new FileTxnSnapLog(dir, dir);
        DataTree tree = new DataTree();
        ConcurrentHashMap<Long, Integer> sessions = new ConcurrentHashMap<>();
        files.restore(tree, sessions, (header, txn, digest) -> {});
        for (int i = 1; i < args.length; i += 2) {
            tree.getNode(args[i]).stat.setVersion(Integer.parseInt(args[i + 1]));
        }
        tree.lastProcessedZxid++; // Newer than what the log has, so that the log is not applied again.
        files.save(tree, sessions, true);
        files.close();
    }
}
