package ensemble

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// zooCfg returns the configuration of this server.
func (s *Server) zooCfg() string {
	c := s.ensemble.cfg
	var b strings.Builder
	set := func(key string, value any) { fmt.Fprintf(&b, "%s=%v\n", key, value) }
	set("tickTime", c.Tick.Milliseconds())
	set("minSessionTimeout", c.MinSession.Milliseconds())
	set("maxSessionTimeout", c.MaxSession.Milliseconds())
	set("dataDir", escapeProperty(filepath.ToSlash(s.dataDir())))
	set("clientPort", s.ports.client)
	set("clientPortAddress", s.host)
	set("maxClientCnxns", 0) // The default is 60 for each address, and here all clients have the same one.
	set("admin.enableServer", false)
	set("4lw.commands.whitelist", "srvr,ruok,mntr,cons,dump,conf,stat,wchs,wchp,envi,isro")
	if peers := s.ensemble.servers; len(peers) > 1 {
		set("initLimit", c.ticks(c.InitLimit))
		set("syncLimit", c.ticks(c.SyncLimit))
		for _, peer := range peers {
			set(fmt.Sprintf("server.%d", peer.number), fmt.Sprintf("%s:%d:%d", peer.peerHost(), peer.ports.quorum, peer.ports.election))
		}
	}
	return b.String()
}

func (s *Server) dataDir() string { return filepath.Join(s.home, "data") }

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

// writeHome fills the directory of the server: its configuration, that of its log, and a place for its data.
func (s *Server) writeHome() error {
	if err := os.MkdirAll(s.dataDir(), 0o700); err != nil {
		return err
	}
	files := map[string]string{
		"zoo.cfg":          s.zooCfg(),
		"log4j.properties": log4jConfig,
		"logback.xml":      logbackConfig,
		"data/myid":        strconv.Itoa(s.number), // A single server does not read it.
	}
	if s.ensemble.links != nil {
		files["hosts"] = s.hosts()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.home, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// checkMembers fails when dir holds the data of an ensemble of another size: some of its members could elect one that has nothing, and lose what the others know.
func checkMembers(dir string, servers int) error {
	had := 0
	for n := range maxServers {
		if _, err := os.Stat(filepath.Join(dir, strconv.Itoa(n+1), "data", "version-2")); err == nil {
			had++
		}
	}
	if had != 0 && had != servers {
		return fmt.Errorf("%w: %d servers on the data of %d in %s: start as many, or empty the directory", ErrConfig, servers, had, dir)
	}
	return nil
}

// maxNotification is how long a server without a leader waits, at most, until it sends its vote again. ZooKeeper's own minute, for ticks of 2 s, would let a server
// that was cut off for some seconds sit alone for as long again.
const maxNotification = "-Dzookeeper.fastleader.maxNotificationInterval=1000"

// javaCommand returns the command that runs the server in its directory, where it also leaves what it dumps when it crashes.
func (s *Server) javaCommand() *exec.Cmd {
	inst, home := s.ensemble.inst, s.home
	args := append([]string{maxNotification}, s.ensemble.cfg.JVMFlags...) // The last one of a name counts.
	if s.ensemble.links != nil {
		args = append(args, "-Djdk.net.hosts.file="+s.hostsFile())
	}
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
