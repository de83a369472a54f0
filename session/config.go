package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
)

// DefaultTimeout is the session timeout that a zero [Config.Timeout] asks for.
const DefaultTimeout = 10 * time.Second

// Renewal says what proves that a session lives while something is held in it.
type Renewal int

const (
	// RenewByWrites counts acknowledged writes only, and sends one, a multi of checks on the nodes held, at least every sixth of the session
	// timeout. It is the default, because only a quorum can acknowledge a write.
	RenewByWrites Renewal = iota
	// RenewByPings counts every answer, pings included, and sends no writes. It is the weaker mode: a follower that is cut off from its
	// leader answers pings for up to syncLimit ticks while the leader expires the session and the next client takes over. Only for
	// ensembles of one server, or for holds whose resource refuses stale tokens anyway.
	RenewByPings
)

// Auth is one set of credentials. It is presented on every connection, before any request.
type Auth struct {
	// Scheme is an authentication scheme of the server, such as "digest".
	Scheme string
	// Data is what the scheme wants: "user:password" for digest.
	Data []byte
}

// A Config says how to reach an ensemble. Only Servers is required; the zero value of every other field is useful.
type Config struct {
	// Servers are addresses as host:port; 2181 where the port is missing. Names are resolved anew for each connection.
	Servers []string
	// Timeout is the session timeout to ask for; 0 means DefaultTimeout. The server may grant another one: see [Session.Timeout].
	Timeout time.Duration
	// Chroot is a path that is put before every path of this client, such as "/tenant-a". It must exist.
	Chroot string
	// Auth is presented on every connection.
	Auth []Auth
	// TLS, when set, wraps every connection. An empty ServerName becomes the host part of the address that is dialled.
	TLS *tls.Config
	// Dial opens connections; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// DialTimeout bounds opening one connection, TLS included; 0 means 1 s.
	DialTimeout time.Duration
	// HandshakeTimeout bounds the wait for a server's answer on a new connection, so that a proxy that accepts and says nothing costs no more.
	// 0 means a third of the session timeout, and with more than one server a share of that so that two can be tried before a deadline.
	HandshakeTimeout time.Duration
	// Tick is the servers' tickTime. 0 means unknown: half of the session timeout is taken, the most that a server accepts.
	// Saying it makes deadlines later, never unsafe; saying one below the truth is unsafe.
	Tick time.Duration
	// Renewal says what extends the deadline of something held.
	Renewal Renewal
	// OnState is called for every change of state, in order. It must return quickly and must not call the client.
	OnState func(Change)
	// Logger receives what the client does about its connections, at level Debug, and what an operator should know, at Warn. Nil means silence.
	Logger *slog.Logger
}

// A Change is one change of a session's state.
type Change struct {
	SessionID int64
	From, To  State
	// At is when the change took place, with a monotonic reading.
	At time.Time
	// Err is the reason of a change to Lost, nil otherwise.
	Err error
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Servers) == 0 {
		return c, errors.New("session: no servers: set Config.Servers, such as 127.0.0.1:2181")
	}
	servers := make([]string, 0, len(c.Servers))
	for _, s := range c.Servers {
		full, err := withPort(s)
		if err != nil {
			return c, err
		}
		servers = append(servers, full)
	}
	c.Servers = servers
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Timeout < time.Millisecond {
		return c, fmt.Errorf("session: a timeout of %v: the protocol counts milliseconds, so at least 1ms", c.Timeout)
	}
	if c.Tick < 0 || c.DialTimeout < 0 || c.HandshakeTimeout < 0 {
		return c, errors.New("session: a negative duration in Config")
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = time.Second
	}
	if c.Chroot == "/" {
		c.Chroot = ""
	}
	if c.Chroot != "" && (!strings.HasPrefix(c.Chroot, "/") || strings.HasSuffix(c.Chroot, "/")) {
		return c, fmt.Errorf("session: chroot %q: want a path such as /tenant-a", c.Chroot)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func withPort(server string) (string, error) {
	server = strings.TrimSpace(server)
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server, nil
	}
	full := net.JoinHostPort(strings.Trim(server, "[]"), "2181")
	if server == "" || strings.ContainsAny(server, "/ ") {
		return "", fmt.Errorf("session: server %q: want host:port", server)
	}
	return full, nil
}
