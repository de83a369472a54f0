package ensemble

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestZooCfg(t *testing.T) {
	c, err := Config{}.withDefaults()
	require.NoError(t, err)
	e := &Ensemble{cfg: c}
	one := &Server{ensemble: e, number: 1, home: "/tmp/a b", host: loopback, ports: ports{client: 2181}}
	e.servers = []*Server{one}
	const common = `tickTime=200
minSessionTimeout=400
maxSessionTimeout=40000
dataDir=/tmp/a b/data
clientPort=2181
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=srvr,ruok,mntr,cons,dump,conf,stat,wchs,wchp,envi,isro
`
	require.Equal(t, common, one.zooCfg())

	one.ports.quorum, one.ports.election = 2888, 3888
	e.servers = append(e.servers, &Server{ensemble: e, number: 2, host: loopback, ports: ports{client: 2182, quorum: 2889, election: 3889}})
	require.Equal(t, common+`initLimit=50
syncLimit=10
server.1=127.0.0.1:2888:3888
server.2=127.0.0.1:2889:3889
`, one.zooCfg())
}

func TestEscapeProperty(t *testing.T) {
	for in, want := range map[string]string{
		"/tmp/a b": "/tmp/a b",
		" lead":    `\ lead`,
		`C:\x`:     `C:\\x`,
		"ü":        `\u00fc`,
		"𝄞":        `\ud834\udd1e`,
		"a\nb":     `a\u000ab`,
	} {
		require.Equal(t, want, escapeProperty(in))
	}
}

func TestAnswers(t *testing.T) {
	const srvr = "Zookeeper version: 3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC\nZxid: 0x0\nMode: follower\nNode count: 5\n"
	require.Equal(t, "follower", modeOf(srvr))
	require.Equal(t, "3.9.3", versionOf(srvr))
	require.Equal(t, uint64(0x1b0000000c), zxidOf("Zxid: 0x1b0000000c\nMode: follower\n"))
	require.Zero(t, zxidOf("Mode: follower\n"))
	require.Equal(t, "3.8.0", versionOf("Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC\n"))
	const notServing = "This ZooKeeper instance is not currently serving requests\n"
	require.Empty(t, modeOf(notServing))
	require.Empty(t, versionOf(notServing))

	conf := "clientPort=2181\ndataDir=/tmp/a/version-2\ndataLogDir=/tmp/b/version-2\n"
	require.True(t, servesFrom(conf, "/tmp/a"))
	require.False(t, servesFrom(conf, "/tmp/b"))
	require.False(t, servesFrom("", "/tmp/a"))

	require.True(t, lostPort([]string{"INFO", "java.net.BindException: Address already in use"}))
	require.False(t, lostPort([]string{"java.lang.OutOfMemoryError"}))
}

// speak starts a server that does to each connection what f says, and returns its address.
func speak(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func TestFourLetter(t *testing.T) {
	say := func(answer string) func(net.Conn) {
		return func(c net.Conn) {
			word := make([]byte, 4)
			_, _ = io.ReadFull(c, word)
			fmt.Fprintf(c, answer, word)
		}
	}
	answer, err := FourLetter(t.Context(), speak(t, say("you said %s")), "ruok")
	require.NoError(t, err)
	require.Equal(t, "you said ruok", answer)

	_, err = FourLetter(t.Context(), speak(t, say("%s is not executed because it is not in the whitelist.\n")), "cons")
	require.ErrorIs(t, err, ErrNotWhitelisted)
	require.ErrorContains(t, err, "4lw.commands.whitelist")

	_, err = FourLetter(t.Context(), speak(t, func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 4) }), "srvr")
	require.ErrorContains(t, err, "an empty answer")

	_, err = FourLetter(t.Context(), "127.0.0.1:1", "no")
	require.ErrorContains(t, err, "four letters")

	silent := speak(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	_, err = FourLetter(within(t, 50*time.Millisecond), silent, "srvr")
	require.ErrorContains(t, err, "deadline exceeded")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	_, err = FourLetter(t.Context(), l.Addr().String(), "srvr")
	require.ErrorContains(t, err, "refused")
}

func TestCanLink(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8: run it there")
	}
	require.NoError(t, CanLink())
	err := linkError("127.77.1.2", syscall.EADDRNOTAVAIL)
	require.ErrorIs(t, err, ErrNoLinks)
	require.NotContains(t, err.Error(), "\n")
}
