package cas_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// curatorPath returns the class path of Debian's Curator, or "" where something of it is missing.
func curatorPath() string {
	var path []string
	for _, jar := range []string{
		"curator-recipes", "curator-framework", "curator-client", "zookeeper", "zookeeper-jute", "guava", "slf4j-api", "slf4j-nop",
		"netty-common", "netty-buffer", "netty-handler", "netty-transport", "netty-codec", "netty-resolver", // the client loads some of them
	} {
		name := filepath.Join("/usr/share/java", jar+".jar")
		if _, err := os.Stat(name); err != nil {
			return ""
		}
		path = append(path, name)
	}
	return strings.Join(path, string(os.PathListSeparator))
}

// The reply to a write is lost: a connection that ends at the wrong moment does that. Curator's counter counts twice, and tells its caller of one increment. Ours counts once.
func TestCuratorCountsTwiceAndOursOnce(t *testing.T) {
	path := curatorPath()
	java, err := exec.LookPath("java")
	// A source file is run by the compiler, which a mere runtime has not.
	if path == "" || err != nil || exec.Command(java, "--describe-module", "jdk.compiler").Run() != nil {
		const missing = "libcurator-recipes-java not found: apt-get install libcurator-recipes-java default-jdk-headless"
		if required("curator") {
			require.Fail(t, missing)
		}
		t.Skip(missing + "; ZKKIT_REQUIRE=curator makes this a failure")
	}
	zk := zktest.RunT(t)
	cmd := exec.Command(java, "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, "../testdata/cas/CuratorCounter.java", zk.Addr(), "/theirs")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	}()
	answers := bufio.NewScanner(out)
	say := func(line string) string {
		if line != "" {
			_, err := io.WriteString(in, line+"\n")
			require.NoError(t, err)
		}
		require.True(t, answers.Scan(), "Curator has ended: %v", answers.Err())
		return answers.Text()
	}
	require.Equal(t, "ready", say(""))
	require.Equal(t, "true 1", say("add"))
	zk.Inject(zktest.OpSetData, zktest.LoseReply())
	require.Equal(t, "true 3", say("add"), "if this is 2, Curator has been repaired: say so in the documents")

	client, err := session.Open(t.Context(), session.Config{Servers: []string{zk.Addr()}})
	require.NoError(t, err)
	defer client.Close()
	s, err := cas.NewStore(client, cas.Config{})
	require.NoError(t, err)
	defer s.Close()
	ours := cas.NewCounter(s, "/ours")
	for want := int64(1); want <= 2; want++ {
		n, err := ours.Add(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, want, n)
		zk.Inject(zktest.OpSetData, zktest.LoseReply())
	}
}
