package zktest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// curator compiles the recipes of Apache Curator, as Debian packages it.
func curator(t *testing.T) program {
	t.Helper()
	path := []string{t.TempDir()}
	for _, jar := range []string{
		"curator-recipes", "curator-framework", "curator-client", "zookeeper", "zookeeper-jute", "guava", "slf4j-api", "slf4j-nop",
		"netty-common", "netty-buffer", "netty-handler", "netty-transport", "netty-codec", "netty-resolver", // the client loads some of them
	} {
		name := filepath.Join("/usr/share/java", jar+".jar")
		if _, err := os.Stat(name); err == nil {
			path = append(path, name)
		}
	}
	java, err := exec.LookPath("java")
	javac, errc := exec.LookPath("javac")
	if len(path) != 15 || err != nil || errc != nil {
		lacking(t, "curator", "libcurator-recipes-java not found: apt-get install libcurator-recipes-java default-jdk-headless")
	}
	sources, err := filepath.Glob("../testdata/zktest/curator/*.java")
	require.NoError(t, err)
	classpath := strings.Join(path, string(os.PathListSeparator))
	args := []string{"-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-cp", classpath, "-d", path[0]}
	out, err := exec.Command(javac, append(args, sources...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return program{
		command: []string{java, "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath, "curator.Recipes"},
		plays: "lock revoked-lock semaphore-mutex multi-lock read-write-lock semaphore " +
			"leader-latch leader-selector group-member barrier double-barrier " +
			"atomic-long shared-count simple-queue queue priority-queue " +
			"cache tree-cache path-children-cache node-cache persistent-watcher removed-watch " +
			"transaction acl container ttl plain-client " +
			"ephemeral reconnect session-lost",
	}
}

// kazoo finds Debian's kazoo.
func kazoo(t *testing.T) program {
	t.Helper()
	const python = "/usr/bin/python3" // where Debian's packages are found
	if exec.Command(python, "-c", "import kazoo").Run() != nil {
		lacking(t, "kazoo", "python3-kazoo not found: apt-get install python3-kazoo")
	}
	return program{
		command: []string{python, "-B", "../testdata/zktest/kazoo/recipes.py"}, // -B: nothing is written beside the sources.
		plays: "lock read-write-lock semaphore lease election " +
			"party shallow-party partitioner barrier double-barrier " +
			"counter queue locking-queue children-watch data-watch tree-cache " +
			"transaction acl znode command " +
			"ephemeral reconnect session-lost",
	}
}

// lacking skips the test, or fails it where ZKKIT_REQUIRE has the word.
func lacking(t *testing.T, word, message string) {
	t.Helper()
	if required(word) {
		require.FailNow(t, message)
	}
	t.Skip(message)
}

// required reports whether a test that needs what the word stands for must not be skipped.
func required(word string) bool {
	words := strings.FieldsFunc(os.Getenv("ZKKIT_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(words, word)
}
