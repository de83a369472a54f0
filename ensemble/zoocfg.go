package ensemble

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// The main class of a ZooKeeper server, standalone or not.
const mainClass = "org.apache.zookeeper.server.quorum.QuorumPeerMain"

// ZooKeeper up to 3.7 logs through log4j, from 3.8 on through logback. Without a configuration the first writes nothing and the second writes
// everything, and then a server that could not bind its port could not be told from one that failed for another reason.
const (
	log4jConfig = `log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} - %m%n
`
	logbackConfig = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %-5p %c{1} - %m%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
`
)

// zooCfg returns the configuration of a single server with its data in dir.
func zooCfg(dir string, port int, c Config) string {
	var b strings.Builder
	for _, kv := range []struct {
		key   string
		value any
	}{
		{"tickTime", c.Tick.Milliseconds()},
		{"minSessionTimeout", c.MinSession.Milliseconds()},
		{"maxSessionTimeout", c.MaxSession.Milliseconds()},
		{"dataDir", escapeProperty(filepath.ToSlash(dir))},
		{"clientPort", port},
		{"clientPortAddress", "127.0.0.1"},
		{"maxClientCnxns", 0}, // The default is 60 for each address, and here all clients have the same one.
		{"admin.enableServer", false},
		{"4lw.commands.whitelist", "srvr,ruok,mntr,cons,dump,conf,stat,wchs,wchp,envi,isro"},
	} {
		fmt.Fprintf(&b, "%s=%v\n", kv.key, kv.value)
	}
	return b.String()
}

// escapeProperty writes a value as Java's Properties reads it from Latin-1, so that a path may have any character.
func escapeProperty(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\', r == ' ' && i == 0:
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		}
	}
	return b.String()
}

// writeServerDir fills the directory of one server: its configuration, that of its log, and a place for its data.
func writeServerDir(home string, port int, c Config) error {
	data := filepath.Join(home, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"zoo.cfg":          zooCfg(data, port, c),
		"log4j.properties": log4jConfig,
		"logback.xml":      logbackConfig,
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// javaCommand returns the command that runs the server in home, where it also leaves what it dumps when it crashes.
func javaCommand(inst Installation, c Config, home string) *exec.Cmd {
	args := append([]string{}, c.JVMFlags...)
	args = append(args,
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
		"-Dlog4j.configuration=file:"+filepath.ToSlash(filepath.Join(home, "log4j.properties")),
		"-Dlogback.configurationFile="+filepath.Join(home, "logback.xml"),
		"-cp", strings.Join(inst.Classpath, string(os.PathListSeparator)),
		mainClass, filepath.Join(home, "zoo.cfg"))
	cmd := exec.Command(inst.Java, args...) // Not CommandContext: the server outlives the context of its start.
	cmd.Dir = home
	return cmd
}

// lostPort reports whether the log says that the port was taken. The text of the exception depends on the locale, its name does not.
// A server without a binding for its log says nothing.
func lostPort(log []string) bool {
	for _, line := range log {
		if strings.Contains(line, "java.net.BindException") {
			return true
		}
	}
	return false
}

// samePath reports whether at, as the server prints its dataDir, is the directory dir, under which it keeps "version-2".
func samePath(at, dir string) bool {
	return filepath.Clean(at) == filepath.Join(dir, "version-2")
}
