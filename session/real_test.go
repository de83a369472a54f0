package session_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
)

// What a fake server cannot show: that real ones do what this package expects of them.

func open(t *testing.T, cfg session.Config) *session.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := session.Open(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	s, err := c.Session(ctx)
	require.NoError(t, err)
	return s
}

func TestReal(t *testing.T) {
	zk := ensemble.Run(t, ensemble.Config{})
	for name, test := range map[string]func(*testing.T, *ensemble.Ensemble){
		"operations":   operations,
		"negotiation":  negotiation,
		"digest":       digest,
		"chroot":       chroot,
		"tls":          viaTLS,
		"watches":      watches,
		"lost replies": lostReplies,
		"restart":      restart,
	} {
		t.Run(name, func(t *testing.T) { test(t, zk) })
	}
}

func operations(t *testing.T, zk *ensemble.Ensemble) {
	ctx := t.Context()
	s := open(t, session.Config{Servers: zk.Addrs()})
	require.NoError(t, s.EnsureContainers(ctx, "/ops/a", nil))
	require.NoError(t, s.EnsureContainers(ctx, "/ops/a", nil), "what exists is fine")

	path, err := s.Create(ctx, "/ops/a/n", []byte("one"), session.Persistent, nil)
	require.NoError(t, err)
	require.Equal(t, "/ops/a/n", path)
	_, err = s.Create(ctx, "/ops/a/n", nil, session.Persistent, nil)
	require.ErrorIs(t, err, session.ErrNodeExists)
	seq, err := s.Create(ctx, "/ops/a/s-", nil, session.PersistentSequential, nil)
	require.NoError(t, err)
	require.Equal(t, "/ops/a/s-0000000001", seq, "the counter counts every child")

	data, stat, err := s.Get(ctx, "/ops/a/n")
	require.NoError(t, err)
	require.Equal(t, "one", string(data))
	_, err = s.Set(ctx, "/ops/a/n", []byte("two"), stat.Version)
	require.NoError(t, err)
	_, err = s.Set(ctx, "/ops/a/n", []byte("three"), stat.Version)
	require.ErrorIs(t, err, session.ErrBadVersion)
	require.ErrorIs(t, s.Delete(ctx, "/ops/a", session.AnyVersion), session.ErrNotEmpty)
	none, err := s.Exists(ctx, "/ops/none")
	require.NoError(t, err)
	require.Nil(t, none)
	_, _, err = s.Get(ctx, "/ops/none")
	require.ErrorIs(t, err, session.ErrNoNode)
	_, err = s.Create(ctx, "no-slash", nil, session.Persistent, nil)
	require.ErrorIs(t, err, session.ErrInvalidPath)

	results, err := s.Multi(ctx, session.Check("/ops/a", session.AnyVersion), session.CreateOp("/ops/a/m", nil, session.Persistent, nil),
		session.SetOp("/ops/a/n", []byte("four"), session.AnyVersion), session.DeleteOp(seq, session.AnyVersion))
	require.NoError(t, err)
	require.Equal(t, "/ops/a/m", results[1].Path)
	require.Equal(t, int32(2), results[2].Stat.Version)
	_, err = s.Multi(ctx, session.DeleteOp("/ops/a/m", session.AnyVersion), session.Check("/ops/none", session.AnyVersion), session.DeleteOp("/ops/a/n", session.AnyVersion))
	var refused *session.MultiError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 1, refused.Index)
	require.ErrorIs(t, err, session.ErrNoNode)
	names, _, err := s.Children(ctx, "/ops/a")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"n", "m"}, names, "a refused multi applies nothing")

	made, names, err := s.Enqueue(ctx, "/ops/a", "q-", []byte("x"), nil)
	require.NoError(t, err)
	require.Contains(t, names, session.Base(made.Path))
	exists, err := s.Exists(ctx, made.Path)
	require.NoError(t, err)
	require.Equal(t, *exists, made.Stat, "what create2 told is what the server says")
	require.Equal(t, s.ID(), made.Stat.EphemeralOwner)
	require.NoError(t, s.Remove(ctx, made.Path))
	require.NoError(t, s.Remove(ctx, made.Path), "gone is gone")
}

func negotiation(t *testing.T, zk *ensemble.Ensemble) {
	s := open(t, session.Config{Servers: zk.Addrs(), Timeout: 10 * time.Millisecond})
	require.Equal(t, 400*time.Millisecond, s.Timeout(), "two ticks at the least")
}

func digest(t *testing.T, zk *ensemble.Ensemble) {
	ctx := t.Context()
	ann := open(t, session.Config{Servers: zk.Addrs(), Auth: []session.Auth{{Scheme: "digest", Data: []byte("ann:secret")}}})
	_, err := ann.Create(ctx, "/anns", []byte("x"), session.Ephemeral, session.DigestACL("ann", "secret"))
	require.NoError(t, err)
	_, _, err = ann.Get(ctx, "/anns")
	require.NoError(t, err)
	bob := open(t, session.Config{Servers: zk.Addrs()})
	_, _, err = bob.Get(ctx, "/anns")
	require.ErrorIs(t, err, session.ErrNoAuth)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := session.Open(ctx, session.Config{Servers: zk.Addrs(), Auth: []session.Auth{{Scheme: "no-such-scheme"}}})
	if err == nil { // the refusal may come right after the session
		defer c.Close()
		_, err = c.Session(ctx)
		for err == nil && ctx.Err() == nil {
			var s *session.Session
			if s, err = c.Session(ctx); err == nil {
				<-s.Done()
				err = s.Err()
			}
		}
	}
	require.ErrorIs(t, err, session.ErrAuthFailed)
}

func chroot(t *testing.T, zk *ensemble.Ensemble) {
	ctx := t.Context()
	whole := open(t, session.Config{Servers: zk.Addrs()})
	require.NoError(t, whole.EnsureContainers(ctx, "/tenant", nil))
	s := open(t, session.Config{Servers: zk.Addrs(), Chroot: "/tenant"})
	_, w, err := s.ExistsW(ctx, "/x")
	require.NoError(t, err)
	path, err := s.Create(ctx, "/x", nil, session.Ephemeral, nil)
	require.NoError(t, err)
	require.Equal(t, "/x", path)
	require.Equal(t, "/x", (<-w.C).Path)
	stat, err := whole.Exists(ctx, "/tenant/x")
	require.NoError(t, err)
	require.NotNil(t, stat)
}

// viaTLS puts a terminator in front of the server, as many installations do.
func viaTLS(t *testing.T, zk *ensemble.Ensemble) {
	cert, pool := selfSigned(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", zk.Addrs()[0])
			if err != nil {
				in.Close()
				return
			}
			wg.Go(func() { _, _ = io.Copy(out, in); out.Close() })
			wg.Go(func() { _, _ = io.Copy(in, out); in.Close() })
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })

	s := open(t, session.Config{Servers: []string{ln.Addr().String()}, TLS: &tls.Config{RootCAs: pool}})
	require.NoError(t, s.Sync(t.Context(), "/"))

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = session.Open(ctx, session.Config{Servers: []string{ln.Addr().String()}, TLS: &tls.Config{}})
	require.ErrorContains(t, err, "certificate", "an untrusted server is refused, and the error says why")
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "zk"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func watches(t *testing.T, zk *ensemble.Ensemble) {
	ctx := t.Context()
	s := open(t, session.Config{Servers: zk.Addrs()})
	other := open(t, session.Config{Servers: zk.Addrs()})
	require.NoError(t, s.EnsureContainers(ctx, "/watched", nil))
	names, _, children, err := s.ChildrenW(ctx, "/watched")
	require.NoError(t, err)
	require.Empty(t, names)
	_, created, err := s.ExistsW(ctx, "/watched/n")
	require.NoError(t, err)
	_, err = other.Create(ctx, "/watched/n", nil, session.Ephemeral, nil)
	require.NoError(t, err)
	require.Equal(t, session.ChildrenChanged, (<-children.C).Type)
	require.Equal(t, session.Created, (<-created.C).Type)
	_, _, changed, err := s.GetW(ctx, "/watched/n")
	require.NoError(t, err)
	_, err = other.Set(ctx, "/watched/n", []byte("x"), session.AnyVersion)
	require.NoError(t, err)
	require.Equal(t, session.DataChanged, (<-changed.C).Type)
	_, _, deleted, err := s.GetW(ctx, "/watched/n")
	require.NoError(t, err)
	require.NoError(t, other.Delete(ctx, "/watched/n", session.AnyVersion))
	require.Equal(t, session.Deleted, (<-deleted.C).Type)
	_, _, _, err = s.GetW(ctx, "/watched/n")
	require.ErrorIs(t, err, session.ErrNoNode)
}

// lostReplies cuts only the way back, so that writes are applied and nobody says so.
func lostReplies(t *testing.T, zk *ensemble.Ensemble) {
	ctx := t.Context()
	network := partition.Run(t, map[string]string{"zk": zk.Addrs()[0]})
	link := network.MustLink("zk")
	observer := open(t, session.Config{Servers: zk.Addrs()})
	s := open(t, session.Config{Servers: []string{link.Addr()}, Timeout: 8 * time.Second})
	require.NoError(t, s.EnsureContainers(ctx, "/lost", nil))
	_, _, appears, err := observer.ChildrenW(ctx, "/lost")
	require.NoError(t, err)

	cut := link.MustCut(t, partition.Drop, partition.FromServer)
	type result struct {
		made session.Made
		err  error
	}
	done := make(chan result, 1)
	go func() {
		made, err := s.CreateProtected(ctx, "/lost", "n-", nil, nil)
		done <- result{made, err}
	}()
	<-appears.C
	cut.MustHeal(t)
	r := <-done
	require.NoError(t, r.err)
	names, _, err := observer.Children(ctx, "/lost")
	require.NoError(t, err)
	require.Equal(t, []string{session.Base(r.made.Path)}, names)
	require.Equal(t, s.ID(), r.made.Stat.EphemeralOwner)

	// A plain write cannot be looked for: it is said that nobody knows.
	_, deleted, err := observer.ExistsW(ctx, r.made.Path)
	require.NoError(t, err)
	cut = link.MustCut(t, partition.Drop, partition.FromServer)
	failed := make(chan error, 1)
	go func() { failed <- s.Delete(ctx, r.made.Path, session.AnyVersion) }()
	<-deleted.C
	cut.MustHeal(t)
	require.ErrorIs(t, <-failed, session.ErrUnknownOutcome)
	require.NoError(t, s.Remove(ctx, r.made.Path))
}

// restart takes the server away under a session, and brings it back before the session ends.
func restart(t *testing.T, zk *ensemble.Ensemble) {
	ctx := t.Context()
	s := open(t, session.Config{Servers: zk.Addrs(), Timeout: 30 * time.Second})
	made, err := s.CreateProtected(ctx, "/", "n-", nil, nil)
	require.NoError(t, err)
	require.NoError(t, zk.Servers()[0].Kill())
	require.NoError(t, zk.Servers()[0].Restart(ctx))
	stat, err := s.Exists(ctx, made.Path)
	require.NoError(t, err)
	require.NotNil(t, stat)
	require.Equal(t, made.Stat.Czxid, stat.Czxid)
	require.NoError(t, s.Err())
	require.GreaterOrEqual(t, s.Connections(), uint64(2))
}
