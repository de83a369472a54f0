package zktest

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// fourLetter answers one of the four-letter words, all of which are allowed here.
func (s *Server) fourLetter(word string) (string, bool) {
	words := map[string]func(*strings.Builder){
		"ruok": func(b *strings.Builder) { b.WriteString("imok") },
		"isro": func(b *strings.Builder) { b.WriteString("rw") },
		"srvr": s.srvrLocked,
		"stat": s.statLocked,
		"cons": s.consLocked,
		"dump": s.dumpLocked,
		"mntr": s.mntrLocked,
		"conf": s.confLocked,
		"envi": s.enviLocked,
		"wchs": s.wchsLocked,
	}
	answer, ok := words[word]
	if !ok {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	answer(&b)
	return b.String(), true
}

func (s *Server) sentLocked() int64 {
	sent := s.forgotten
	for c := range s.conns {
		c.mu.Lock()
		sent += c.sent
		c.mu.Unlock()
	}
	return sent
}

func (s *Server) srvrLocked(b *strings.Builder) {
	fmt.Fprintf(b, "Zookeeper version: %s, in memory, not for production\n", version)
	s.countsLocked(b)
}

func (s *Server) countsLocked(b *strings.Builder) {
	fmt.Fprintf(b, "Latency min/avg/max: 0/0.0/0\nReceived: %d\nSent: %d\nConnections: %d\nOutstanding: 0\nZxid: 0x%x\nMode: standalone\nNode count: %d\n",
		s.received, s.sentLocked(), len(s.conns), s.zxid, len(s.tree.nodes))
}

func (s *Server) statLocked(b *strings.Builder) {
	fmt.Fprintf(b, "Zookeeper version: %s, in memory, not for production\nClients:\n", version)
	for _, c := range s.connsLocked() {
		fmt.Fprintf(b, " /%s[0](queued=0,recved=%d,sent=%d)\n", c.nc.RemoteAddr(), c.received, c.sent)
	}
	b.WriteByte('\n')
	s.countsLocked(b)
}

func (s *Server) connsLocked() []*conn {
	return slices.SortedFunc(maps.Keys(s.conns), func(a, b *conn) int {
		return strings.Compare(a.nc.RemoteAddr().String(), b.nc.RemoteAddr().String())
	})
}

func (s *Server) consLocked(b *strings.Builder) {
	for _, c := range s.connsLocked() {
		fmt.Fprintf(b, " /%s[0](queued=0,recved=%d,sent=%d", c.nc.RemoteAddr(), c.received, c.sent)
		if c.session != nil {
			fmt.Fprintf(b, ",sid=%s,to=%d", sessionName(c.session.id), c.session.timeout.Milliseconds())
		}
		b.WriteString(")\n")
	}
	b.WriteByte('\n')
}

func (s *Server) dumpLocked(b *strings.Builder) {
	ids := slices.Sorted(maps.Keys(s.sessions))
	fmt.Fprintf(b, "SessionTracker dump:\nSession Sets (%d):\n", len(ids))
	for _, id := range ids {
		fmt.Fprintf(b, "1 expire at %v:\n\t%s\n", s.sessions[id].due.Round(0).UTC().Format(time.RFC3339Nano), sessionName(id))
	}
	fmt.Fprintf(b, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n", len(s.tree.ephemerals))
	for _, id := range slices.Sorted(maps.Keys(s.tree.ephemerals)) {
		fmt.Fprintf(b, "%s:\n", sessionName(id))
		for _, path := range slices.Sorted(maps.Keys(s.tree.ephemerals[id])) {
			fmt.Fprintf(b, "\t%s\n", path)
		}
	}
	b.WriteString("Connections dump:\nConnections Sets (1)/(" + fmt.Sprint(len(s.conns)) + "):\n")
}

func (s *Server) mntrLocked(b *strings.Builder) {
	data, ephemerals := 0, 0
	for path, n := range s.tree.nodes {
		data += len(path) + len(n.data)
	}
	for _, paths := range s.tree.ephemerals {
		ephemerals += len(paths)
	}
	for _, line := range []struct {
		key   string
		value any
	}{
		{"version", version}, {"server_state", "standalone"}, {"packets_received", s.received}, {"packets_sent", s.sentLocked()},
		{"num_alive_connections", len(s.conns)}, {"outstanding_requests", 0}, {"znode_count", len(s.tree.nodes)}, {"watch_count", s.tree.watches.count()},
		{"ephemerals_count", ephemerals}, {"approximate_data_size", data}, {"global_sessions", len(s.sessions)}, {"uptime", time.Since(s.started).Milliseconds()},
	} {
		fmt.Fprintf(b, "zk_%s\t%v\n", line.key, line.value)
	}
}

func (s *Server) confLocked(b *strings.Builder) {
	port := "0"
	if len(s.listeners) > 0 {
		_, port, _ = strings.Cut(s.listeners[0].Addr().String(), ":")
	}
	fmt.Fprintf(b, "clientPort=%s\ndataDir=\ndataLogDir=\ntickTime=%d\nmaxClientCnxns=0\nminSessionTimeout=%d\nmaxSessionTimeout=%d\nserverId=0\n",
		port, s.cfg.Tick.Milliseconds(), s.cfg.MinSession.Milliseconds(), s.cfg.MaxSession.Milliseconds())
}

func (s *Server) enviLocked(b *strings.Builder) {
	fmt.Fprintf(b, "Environment:\nzookeeper.version=%s, in memory, not for production\nhost.name=localhost\ngo.version=%s\nos.name=%s\nos.arch=%s\n",
		version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (s *Server) wchsLocked(b *strings.Builder) {
	watching, paths := make(map[*conn]bool), make(map[string]bool)
	for _, t := range []watchTable{s.tree.watches.data, s.tree.watches.children} {
		for path, who := range t {
			paths[path] = true
			for c := range who {
				watching[c] = true
			}
		}
	}
	fmt.Fprintf(b, "%d connections watching %d paths\nTotal watches:%d\n", len(watching), len(paths), s.tree.watches.count())
}

// count returns how many watches there are.
func (w watches) count() int {
	n := 0
	for _, t := range []watchTable{w.data, w.children} {
		for _, who := range t {
			n += len(who)
		}
	}
	return n
}
