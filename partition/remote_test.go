package partition

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	client "github.com/Shopify/toxiproxy/v2/client"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// gated serves the API of a Toxiproxy that knows the gate. Requests go through meddle, if not nil, which reports whether it has answered.
func gated(t *testing.T, meddle func(http.ResponseWriter, *http.Request) bool) (url string) {
	t.Helper()
	RegisterGate()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	routes := api.Routes()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if meddle == nil || !meddle(w, r) {
			routes.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { require.NoError(t, api.Collection.Clear()) })
	t.Cleanup(server.Close)
	return server.URL
}

// gatedVariable makes this test binary a Toxiproxy that knows the gate, with its API on the address that is its value.
const gatedVariable = "PARTITION_TEST_GATED"

func serveGated(address string) error {
	RegisterGate()
	return toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()).Listen(address)
}

// gatedProcess starts such a one.
func gatedProcess(t *testing.T) (url string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return start(t, func(port string) *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), gatedVariable+"=127.0.0.1:"+port)
		return cmd
	})
}

// stock starts a toxiproxy-server as it is released.
func stock(t *testing.T) (url string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs toxiproxy-server: not with -short")
	}
	binary := filepath.Join(t.TempDir(), "toxiproxy-server")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/Shopify/toxiproxy/v2/cmd/server").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return start(t, func(port string) *exec.Cmd { return exec.Command(binary, "-host", "127.0.0.1", "-port", port) })
}

// start runs a Toxiproxy with its API on a free port, until the test ends.
func start(t *testing.T, command func(port string) *exec.Cmd) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	process := command(port)
	var said bytes.Buffer
	process.Stderr = &said
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		require.NotRegexp(t, `partition\.\(\*(gate|gateState|valve)\)`, said.String(), "a data race or a panic of ours")
	})
	a, err := newAPI("http://" + address)
	require.NoError(t, err)
	defer a.http.CloseIdleConnections()
	require.Eventually(t, func() bool {
		return a.call(t.Context(), http.MethodGet, nil, nil, "version") == nil
	}, patience, 10*time.Millisecond)
	return "http://" + address
}

func elsewhere(t *testing.T, url string) *Network {
	t.Helper()
	n, err := New(ctxFor(t, patience), Config{API: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

func remoteLink(t *testing.T, n *Network, name string, s *server) *Link {
	t.Helper()
	link, err := n.Link(ctxFor(t, patience), name, s.addr())
	require.NoError(t, err)
	return link
}

// proxies returns what Toxiproxy has, in its own client's words.
func proxies(t *testing.T, url string) map[string]*client.Proxy {
	t.Helper()
	all := make(map[string]*client.Proxy)
	a, err := newAPI(url)
	require.NoError(t, err)
	defer a.http.CloseIdleConnections()
	require.NoError(t, a.call(t.Context(), http.MethodGet, nil, &all, "proxies"))
	return all
}

// TestRemoteGate runs drop and jam through a Toxiproxy that knows the gate. That is in another process because Toxiproxy v2.12.0 has a data
// race of its own, between an update of a toxic and connections at work, that the race detector would report as ours.
func TestRemoteGate(t *testing.T) {
	url := gatedProcess(t)
	n := elsewhere(t, url)
	require.Len(t, n.Caveats(), 5)
	s := newServer(t)
	link := remoteLink(t, n, "link", s)
	require.Len(t, proxies(t, url), 1, "the probe is gone")
	_, counted := link.Traffic()
	require.False(t, counted)
	_, counted = link.Connections()
	require.False(t, counted)

	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		c, srv := connect(t, link, s)
		closing, closingSrv := connect(t, link, s)
		cut := link.MustCut(t, kind, d)
		_, counted := cut.Traffic()
		require.False(t, counted)
		c.send("up")
		srv.send("down")
		wantServer, wantClient := "hello up", "welcome down"
		if cuts(d, toServer) {
			wantServer = "hello "
			require.NoError(t, closing.CloseWrite())
			closingSrv.hearsNothingMore("hello ")
		}
		if cuts(d, fromServer) {
			wantClient = "welcome "
			require.NoError(t, closingSrv.CloseWrite())
			closing.hearsNothingMore("welcome ")
		}
		srv.hears(wantServer)
		c.hears(wantClient)
		srv.hearsNothingMore(wantServer)
		c.hearsNothingMore(wantClient)
		fresh := dial(t, link.Addr())
		fresh.send("fresh")
		freshSrv := s.accept() // one of the caveats
		freshSrv.hears(map[bool]string{true: "", false: "fresh"}[cuts(d, toServer)])

		cut.MustHeal(t)
		if kind == Drop {
			for _, p := range []*peer{c, srv, closing, closingSrv} {
				_ = p.ends()
			}
			// That Toxiproxy may have come to the last one only now, when nothing is cut any more. It is over, or it has missed nothing.
			require.Eventually(t, func() bool { return fresh.ended() && freshSrv.ended() || freshSrv.heard() == "fresh" }, patience, time.Millisecond)
			require.Equal(t, wantServer, srv.heard())
			require.Equal(t, wantClient, c.heard())
		} else {
			srv.hears("hello up")
			c.hears("welcome down")
			freshSrv.hears("fresh")
			_ = closing.Close()
			_, _ = closing.ends(), closingSrv.ends()
		}
		for _, p := range []*peer{c, srv, closing, closingSrv, fresh, freshSrv} {
			_ = p.Close()
		}
		works(t, link, s)
	})

	require.NoError(t, n.Close())
	require.Empty(t, proxies(t, url), "what was created is deleted")
}

func TestRemoteRefuseAndReset(t *testing.T) {
	for name, api := range map[string]func(*testing.T) string{
		"gated": func(t *testing.T) string { t.Helper(); return gated(t, nil) },
		"stock": stock,
	} {
		t.Run(name, func(t *testing.T) {
			n := elsewhere(t, api(t))
			s := newServer(t)
			link := remoteLink(t, n, "link", s)

			c, srv := connect(t, link, s)
			cut := link.MustCut(t, Refuse, Both)
			_, _ = c.ends(), srv.ends()
			_, err := net.Dial("tcp", link.Addr())
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			cut.MustHeal(t)
			works(t, link, s)

			c, srv = connect(t, link, s)
			cut = link.MustCut(t, Reset, Both)
			c.send("trigger")
			_, _ = c.ends(), srv.ends()
			fresh := dial(t, link.Addr())
			fresh.send("trigger")
			require.ErrorIs(t, fresh.ends(), errReset)
			_ = s.accept().ends()
			cut.MustHeal(t)
			works(t, link, s)
		})
	}
}

// TestRemoteStock holds a stock Toxiproxy to what the caveats say, no worse and no better.
func TestRemoteStock(t *testing.T) {
	url := stock(t)
	n := elsewhere(t, url)
	require.Len(t, n.Caveats(), 7)
	s := newServer(t)
	link := remoteLink(t, n, "link", s)
	for _, d := range Directions() {
		for _, kind := range []Kind{Drop, Jam} {
			t.Run(kind.String()+" "+d.String(), func(t *testing.T) {
				c, srv := connect(t, link, s)
				leaky, leakySrv := connect(t, link, s)
				cut := link.MustCut(t, kind, d)
				c.send("up")
				srv.send("down")
				wantServer, wantClient := "hello up", "welcome down"
				if cuts(d, toServer) {
					wantServer = "hello "
				}
				if cuts(d, fromServer) {
					wantClient = "welcome "
				}
				srv.hears(wantServer)
				c.hears(wantClient)
				srv.hearsNothingMore(wantServer)
				c.hearsNothingMore(wantClient)
				require.NoError(t, leaky.Close())
				_ = leakySrv.ends() // the close crosses: one of the caveats

				began := time.Now()
				cut.MustHeal(t)
				require.WithinRange(t, cut.Healed(), began, time.Now())
				if kind == Drop {
					_, _ = c.ends(), srv.ends()
					require.Equal(t, wantServer, srv.heard())
					require.Equal(t, wantClient, c.heard())
				} else {
					srv.hears("hello up")
					c.hears("welcome down")
				}
				works(t, link, s)
			})
		}
	}
	require.NoError(t, n.Close())
	require.Empty(t, proxies(t, url))
}

func TestRemoteUnreachable(t *testing.T) {
	_, err := New(ctxFor(t, patience), Config{API: "http://127.0.0.1:1"})
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "partition: no Toxiproxy answers at http://127.0.0.1:1: ")

	_, err = New(ctxFor(t, 50*time.Millisecond), Config{API: "http://" + deafServer(t)})
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	_, err = New(ctxFor(t, patience), Config{API: other.URL})
	require.ErrorIs(t, err, ErrUnreachable)

	for _, bad := range []string{"127.0.0.1:8474", "localhost", "ftp://x", "http://", "http://%"} {
		_, err = New(ctxFor(t, patience), Config{API: bad})
		require.ErrorContains(t, err, "the URL of Toxiproxy", bad)
	}
}

// TestRemoteAdopts checks that a proxy which is there already is used, cleaned of what an earlier network left, and kept.
func TestRemoteAdopts(t *testing.T) {
	url := gated(t, nil)
	s := newServer(t)
	a, err := newAPI(url)
	require.NoError(t, err)
	defer a.http.CloseIdleConnections()
	post := func(in any, segments ...string) {
		t.Helper()
		require.NoError(t, a.call(t.Context(), http.MethodPost, in, nil, segments...))
	}
	for _, name := range []string{"ours", "foreign"} {
		post(client.Proxy{Name: name, Listen: "127.0.0.1:0", Upstream: s.addr(), Enabled: true}, "proxies")
	}
	post(newToxic(toxicPrefix+"timeout-upstream", "timeout", toServer, client.Attributes{"timeout": 0}), "proxies", "ours", "toxics")
	post(map[string]any{"enabled": false}, "proxies", "ours")
	post(newToxic("slow", "latency", toServer, client.Attributes{"latency": 1}), "proxies", "foreign", "toxics")

	n, err := New(t.Context(), Config{API: url, Reach: func(listen string) string { return strings.Replace(listen, "127.0.0.1", "localhost", 1) }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	_, err = n.Link(t.Context(), "foreign", s.addr())
	require.ErrorIs(t, err, ErrBadLink)
	require.ErrorContains(t, err, "slow")
	_, err = n.Link(t.Context(), "ours", "127.0.0.1:1")
	require.ErrorIs(t, err, ErrBadLink)
	link := remoteLink(t, n, "ours", s)
	require.Regexp(t, `^localhost:\d+$`, link.Addr())
	works(t, link, s)
	link.MustCut(t, Drop, Both)
	require.NoError(t, n.Close())

	left := proxies(t, url)
	require.Len(t, left, 2)
	require.Empty(t, left["ours"].ActiveToxics)
	require.True(t, left["ours"].Enabled)
	require.Len(t, left["foreign"].ActiveToxics, 1)
}

// TestRemoteHealIsBounded has Toxiproxy hang in a heal, as a stock one does behind stuck peers.
func TestRemoteHealIsBounded(t *testing.T) {
	var hang atomic.Bool
	url := gated(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if hang.Load() && r.Method == http.MethodPatch {
			_, _ = r.Body.Read(make([]byte, 1<<10)) // the server notices that the client has gone only once the body is read
			<-r.Context().Done()
			return true
		}
		return false
	})
	n := elsewhere(t, url)
	s := newServer(t)
	link := remoteLink(t, n, "link", s)
	cut := link.MustCut(t, Jam, Both)
	hang.Store(true)
	err := cut.Heal(ctxFor(t, 50*time.Millisecond))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "partition: healing link (jam, both): ")
	require.True(t, cut.Healed().IsZero())
	require.Error(t, n.Heal(ctxFor(t, 50*time.Millisecond)))
	_, err = link.Cut(t.Context(), Jam, Both)
	require.ErrorIs(t, err, ErrAlreadyCut)

	hang.Store(false)
	require.NoError(t, cut.Heal(t.Context()))
	require.False(t, cut.Healed().IsZero())
	works(t, link, s)
	require.Len(t, n.Timeline().Events(), 2)
}

// TestRemoteHalfCut has Toxiproxy fail between the two directions of a cut: then the link must be whole again, or count as cut.
func TestRemoteHalfCut(t *testing.T) {
	var fail atomic.Int64 // lets one PATCH pass, then fails so many
	url := gated(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch || fail.Load() == 0 || strings.HasSuffix(r.URL.Path, "upstream") && fail.Load() > 0 {
			return false
		}
		fail.Add(-1)
		http.Error(w, `{"error":"out of order","status":500}`, http.StatusInternalServerError)
		return true
	})
	n := elsewhere(t, url)
	s := newServer(t)
	link := remoteLink(t, n, "link", s)

	fail.Store(1)
	_, err := link.Cut(t.Context(), Drop, Both)
	require.ErrorContains(t, err, "out of order")
	require.NotContains(t, err.Error(), "may be cut")
	works(t, link, s)

	fail.Store(2)
	_, err = link.Cut(t.Context(), Jam, Both)
	require.ErrorContains(t, err, "partition: link may be cut none the less: undoing it: ")
	_, err = link.Cut(t.Context(), Drop, Both)
	var already *AlreadyCutError
	require.ErrorAs(t, err, &already)
	require.True(t, already.Since.IsZero())
	require.NoError(t, n.Heal(t.Context()))
	works(t, link, s)
}
