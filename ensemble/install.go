package ensemble

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
)

// An Installation is a ZooKeeper on this machine and the Java to run it with. [Find] makes it, or whoever knows better.
// It is not changed by those who take it, and so safe for concurrent use. The zero Installation runs nothing.
type Installation struct {
	// Home is the directory in which the installation was found.
	Home string
	// Classpath lists the jars, ZooKeeper's own first.
	Classpath []string
	// Java is the java binary.
	Java string
	// Version is the one in the jar's name, such as "3.8.0". It is empty when the name has none; a running server knows better.
	Version string
}

const (
	getZooKeeper = "apt-get install zookeeper, or brew install zookeeper, or set ZOOKEEPER_HOME to an unpacked release"
	getJava      = "apt-get install default-jre-headless, or brew install openjdk, or set JAVA_HOME"
)

// Find returns the ZooKeeper of this machine. It looks, in this order, at
//
//   - ZOOKEEPER_HOME, if it is set: a release as Apache packs it, with its jars there and in lib;
//   - /usr/share/java/zookeeper.jar, from Debian's package zookeeper (or libzookeeper-java);
//   - Homebrew, in /opt/homebrew, /usr/local and /home/linuxbrew/.linuxbrew;
//
// and for Java at JAVA_HOME/bin/java, next to a Homebrew installation, and in PATH. It reads names of files only, and runs nothing.
// The error is a [*NotInstalledError], which says in one line what is missing and how to get it.
func Find() (Installation, error) { return find("/") }

// find is Find on a machine whose files are under root.
func find(root string) (Installation, error) {
	inst, brew, err := findZooKeeper(root)
	if err != nil {
		return Installation{}, err
	}
	if inst.Java, err = findJava(brew); err != nil {
		return Installation{}, err
	}
	return inst, nil
}

// findZooKeeper returns an Installation that lacks its Java, and the Homebrew prefix if that is where it is.
func findZooKeeper(root string) (inst Installation, brew string, err error) {
	if home := os.Getenv("ZOOKEEPER_HOME"); home != "" {
		if inst, ok := release(home); ok {
			return inst, "", nil
		}
		return inst, "", &NotInstalledError{Missing: "ZooKeeper", Hint: "ZOOKEEPER_HOME is " + home +
			", where neither the directory nor its lib has a zookeeper jar: point it to an unpacked release, or unset it"}
	}
	if inst, ok := debian(filepath.Join(root, "usr/share/java")); ok {
		return inst, "", nil
	}
	for _, prefix := range []string{"opt/homebrew", "usr/local", "home/linuxbrew/.linuxbrew"} {
		prefix = filepath.Join(root, prefix)
		if inst, ok := release(filepath.Join(prefix, "opt/zookeeper/libexec")); ok {
			return inst, prefix, nil
		}
	}
	return inst, "", &NotInstalledError{Missing: "ZooKeeper", Hint: getZooKeeper}
}

// findJava returns the java binary.
func findJava(brew string) (string, error) {
	var candidates []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		candidates = append(candidates, filepath.Join(home, "bin", "java"))
	}
	if brew != "" { // Before PATH, where macOS has a java that only says where to get one.
		candidates = append(candidates, filepath.Join(brew, "opt/openjdk/bin/java"))
	}
	for _, c := range append(candidates, "java") {
		if path, err := exec.LookPath(c); err == nil {
			return filepath.Abs(path) // The server runs in a directory of its own.
		}
	}
	return "", &NotInstalledError{Missing: "Java", Hint: getJava}
}

// release returns what is installed in home as Apache packs it: jars in lib, before 3.5 ZooKeeper's own beside it.
func release(home string) (Installation, bool) {
	home, err := filepath.Abs(home)
	if err != nil {
		return Installation{}, false
	}
	own, rest := jars(home), jars(filepath.Join(home, "lib"))
	return installation(home, append(own, rest...))
}

// debian returns what Debian's packages put into dir, the common place of all Java libraries. The manifest of zookeeper.jar names the rest,
// except a binding for its log.
func debian(dir string) (Installation, bool) {
	jar := filepath.Join(dir, "zookeeper.jar")
	if !isFile(jar) {
		return Installation{}, false
	}
	classpath := []string{jar}
	for _, binding := range []string{"slf4j-simple.jar", "slf4j-nop.jar"} {
		if path := filepath.Join(dir, binding); isFile(path) {
			classpath = append(classpath, path)
			break
		}
	}
	inst := Installation{Home: dir, Classpath: classpath}
	for _, path := range jars(dir) {
		if v := jarVersion(path); v != "" { // zookeeper.jar has a second name, with the version in it.
			inst.Version = v
		}
	}
	return inst, true
}

// installation sorts ZooKeeper's own jar to the front. It reports false when there is none.
func installation(home string, classpath []string) (Installation, bool) {
	i := slices.IndexFunc(classpath, isZooKeeper)
	if i < 0 {
		return Installation{}, false
	}
	own := classpath[i]
	classpath = append([]string{own}, slices.Delete(classpath, i, i+1)...)
	return Installation{Home: home, Classpath: classpath, Version: jarVersion(own)}, true
}

// ZooKeeper's own jar, and not that of its jute or of a recipe.
var zooKeeperJar = regexp.MustCompile(`^zookeeper(?:-(\d+(?:\.\d+)*)(?:[-.]\w+)*)?\.jar$`)

func isZooKeeper(path string) bool { return zooKeeperJar.MatchString(filepath.Base(path)) }

func jarVersion(path string) string { return submatch(zooKeeperJar, filepath.Base(path)) }

// jars returns the jars in dir, sorted.
func jars(dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(escapeGlob(dir), "*.jar")) // The only error is a bad pattern.
	return slices.DeleteFunc(paths, func(p string) bool { return !isFile(p) })
}

var globMeta = regexp.MustCompile(`[*?\[\\]`)

// escapeGlob lets a directory have any name. Windows has no escapes, and no such characters in names either.
func escapeGlob(dir string) string {
	if filepath.Separator == '\\' {
		return dir
	}
	return globMeta.ReplaceAllString(dir, `\$0`)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
