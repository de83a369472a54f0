package ensemble

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine makes a tree of files, with a java in its bin/, and returns its root. Names that end in java are executable.
func machine(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range append(files, "bin/java") {
		path := filepath.Join(root, f)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		mode := os.FileMode(0o600)
		if strings.HasSuffix(f, "java") {
			mode = 0o700
		}
		require.NoError(t, os.WriteFile(path, nil, mode))
	}
	t.Setenv("PATH", filepath.Join(root, "bin"))
	t.Setenv("JAVA_HOME", "")
	t.Setenv("ZOOKEEPER_HOME", "")
	return root
}

// under makes paths absolute.
func under(root string, files ...string) []string {
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.Join(root, f))
	}
	return paths
}

func TestFindDebian(t *testing.T) {
	root := machine(t, "usr/share/java/zookeeper.jar", "usr/share/java/zookeeper-3.8.0.jar", "usr/share/java/zookeeper-jute-9.9.9.jar",
		"usr/share/java/slf4j-nop.jar", "usr/share/java/slf4j-simple.jar", "usr/share/java/other.jar")
	inst, err := find(root)
	require.NoError(t, err)
	require.Equal(t, Installation{
		Home:      filepath.Join(root, "usr/share/java"),
		Classpath: under(root, "usr/share/java/zookeeper.jar", "usr/share/java/slf4j-simple.jar"),
		Java:      filepath.Join(root, "bin/java"),
		Version:   "3.8.0",
	}, inst)

	require.NoError(t, os.Remove(filepath.Join(root, "usr/share/java/slf4j-simple.jar")))
	inst, err = find(root)
	require.NoError(t, err)
	require.Equal(t, under(root, "usr/share/java/zookeeper.jar", "usr/share/java/slf4j-nop.jar"), inst.Classpath)
}

func TestFindRelease(t *testing.T) {
	root := machine(t, "usr/share/java/zookeeper.jar", // Not the one that the variable names.
		"zk[1]/lib/zookeeper-3.9.3.jar", "zk[1]/lib/zookeeper-jute-3.9.3.jar", "zk[1]/lib/logback-classic-1.2.13.jar",
		"old/zookeeper-3.4.14.jar", "old/lib/log4j-1.2.17.jar", "old/zookeeper-3.4.14.jar.asc")
	t.Setenv("ZOOKEEPER_HOME", filepath.Join(root, "zk[1]"))
	inst, err := find(root)
	require.NoError(t, err)
	require.Equal(t, "3.9.3", inst.Version)
	require.Equal(t, under(root, "zk[1]/lib/zookeeper-3.9.3.jar", "zk[1]/lib/logback-classic-1.2.13.jar", "zk[1]/lib/zookeeper-jute-3.9.3.jar"),
		inst.Classpath)

	t.Setenv("ZOOKEEPER_HOME", filepath.Join(root, "old"))
	inst, err = find(root)
	require.NoError(t, err)
	require.Equal(t, "3.4.14", inst.Version)
	require.Equal(t, under(root, "old/zookeeper-3.4.14.jar", "old/lib/log4j-1.2.17.jar"), inst.Classpath)
}

func TestFindHomebrew(t *testing.T) {
	for _, prefix := range []string{"opt/homebrew", "usr/local", "home/linuxbrew/.linuxbrew"} {
		t.Run(prefix, func(t *testing.T) {
			root := machine(t, prefix+"/opt/zookeeper/libexec/lib/zookeeper-3.9.4.jar", prefix+"/opt/openjdk/bin/java")
			inst, err := find(root)
			require.NoError(t, err)
			require.Equal(t, "3.9.4", inst.Version)
			require.Equal(t, filepath.Join(root, prefix, "opt/openjdk/bin/java"), inst.Java, "before the one in PATH")
		})
	}
}

func TestFindJavaHome(t *testing.T) {
	root := machine(t, "usr/share/java/zookeeper.jar", "jdk/bin/java")
	t.Setenv("JAVA_HOME", filepath.Join(root, "jdk"))
	inst, err := find(root)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "jdk/bin/java"), inst.Java)

	t.Setenv("JAVA_HOME", filepath.Join(root, "nothing here"))
	inst, err = find(root)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "bin/java"), inst.Java)
}

func TestFindNothing(t *testing.T) {
	root := machine(t)
	_, err := find(root)
	require.ErrorIs(t, err, ErrNotInstalled)
	require.EqualError(t, err, "no ZooKeeper found: apt-get install zookeeper, or brew install zookeeper, or set ZOOKEEPER_HOME to an unpacked release")

	t.Setenv("ZOOKEEPER_HOME", root)
	_, err = find(root)
	require.ErrorIs(t, err, ErrNotInstalled)
	require.ErrorContains(t, err, "ZOOKEEPER_HOME is "+root)
	require.NotContains(t, err.Error(), "\n")
}

func TestFindNoJava(t *testing.T) {
	root := machine(t, "usr/share/java/zookeeper.jar")
	t.Setenv("PATH", filepath.Join(root, "empty"))
	_, err := find(root)
	require.ErrorIs(t, err, ErrNotInstalled)
	require.EqualError(t, err, "no Java found: apt-get install default-jre-headless, or brew install openjdk, or set JAVA_HOME")
}
