package zklock_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/zklock"
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

func TestCuratorAndOursExcludeEachOther(t *testing.T) {
	s := newStage(t)
	path := curatorPath()
	java, err := exec.LookPath("java")
	// A source file is run by the compiler, which a mere runtime has not.
	if path == "" || err != nil || exec.Command(java, "--describe-module", "jdk.compiler").Run() != nil {
		missing(t, "curator", "libcurator-recipes-java not found: apt-get install libcurator-recipes-java default-jdk-headless")
	}
	s.mkdir()
	args := []string{
		"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path,
		"../testdata/zklock/CuratorLock.java", s.zk.Addrs()[0], s.path,
	}
	p := s.start(java, args...)
	s.exclude(p, "-lock-")
	s.busy(p)

	require.NoError(t, p.lock())
	_, err = s.mutex(s.open("")).TryLock(s.ctx())
	var held *zklock.HeldError
	require.ErrorAs(t, err, &held)
	require.NotNil(t, net.ParseIP(held.Owner.Raw), "Curator writes its address: %+v", held.Owner)
	require.Equal(t, zklock.Owner{Raw: held.Owner.Raw}, held.Owner)
	require.NoError(t, p.unlock())

	require.Zero(t, s.contend(20, p), "two held the lock at once")
}
