package cas_test

import (
	"bytes"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/session"
)

// What a server in memory cannot show: that real ones do what this package expects of them.

func realClient(t *testing.T, zk *ensemble.Ensemble, change ...func(*session.Config)) *session.Client {
	t.Helper()
	cfg := session.Config{Servers: zk.Addrs(), Timeout: 4 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	c, err := session.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func realStore(t *testing.T, zk *ensemble.Ensemble, cfg cas.Config) *cas.Store {
	t.Helper()
	s, err := cas.NewStore(realClient(t, zk), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestReal(t *testing.T) {
	zk := ensemble.Run(t, ensemble.Config{})
	t.Run("what is too large never reaches a server", func(t *testing.T) {
		s := realStore(t, zk, cas.Config{})
		grow := func(n int) error {
			_, _, err := cas.Update(t.Context(), s, "/large/value", func([]byte) ([]byte, error) { return bytes.Repeat([]byte("x"), n), nil })
			return err
		}
		require.NoError(t, grow(cas.DefaultMaxValue), "a server takes the largest value")
		require.ErrorIs(t, grow(cas.DefaultMaxValue+1), cas.ErrTooLarge)
		v, err := cas.Get[[]byte](t.Context(), s, "/large/value")
		require.NoError(t, err)
		require.Len(t, v, cas.DefaultMaxValue)

		half := bytes.Repeat([]byte("x"), cas.DefaultMaxValue/2)
		_, err = cas.Txn(t.Context(), s, func(tx *cas.Tx) error {
			require.NoError(t, cas.Save(tx, "/large/one", half))
			return cas.Save(tx, "/large/two", half)
		})
		require.NoError(t, err, "a server takes the largest transaction, nearly")
		_, err = cas.Txn(t.Context(), s, func(tx *cas.Tx) error {
			require.NoError(t, cas.Save(tx, "/large/one", half))
			require.NoError(t, cas.Save(tx, "/large/three", half))
			return cas.Save(tx, "/large/two", half)
		})
		require.ErrorIs(t, err, cas.ErrTooLarge)
	})
	t.Run("rights", func(t *testing.T) {
		auth := func(who string) func(*session.Config) {
			return func(cfg *session.Config) {
				cfg.Auth = []session.Auth{{Scheme: "digest", Data: []byte(who + ":secret")}}
			}
		}
		cfg := cas.Config{ACL: session.DigestACL("ann", "secret")}
		ann, err := cas.NewStore(realClient(t, zk, auth("ann")), cfg)
		require.NoError(t, err)
		defer ann.Close()
		_, _, err = cas.Update(t.Context(), ann, "/anns/value", add(1))
		require.NoError(t, err)
		bob, err := cas.NewStore(realClient(t, zk, auth("bob")), cas.Config{})
		require.NoError(t, err)
		defer bob.Close()
		_, _, err = cas.Update(t.Context(), bob, "/anns/value", add(1))
		require.ErrorIs(t, err, session.ErrNoAuth)
		require.NotErrorIs(t, err, cas.ErrUnknown)
	})
	t.Run("what a multi says of its own set", func(t *testing.T) {
		// This is how a node of version -1 is written, and no other: the check sees what the set before it has done.
		s, err := realClient(t, zk).Session(t.Context())
		require.NoError(t, err)
		_, err = s.Create(t.Context(), "/own", []byte("a"), session.Persistent, nil)
		require.NoError(t, err)
		try := func(after int32) error {
			_, err := s.Multi(t.Context(), session.SetOp("/own", []byte("b"), session.AnyVersion), session.Check("/own", after))
			return err
		}
		require.ErrorIs(t, try(0), session.ErrBadVersion)
		require.ErrorIs(t, try(2), session.ErrBadVersion)
		data, _, err := s.Get(t.Context(), "/own")
		require.NoError(t, err)
		require.Equal(t, "a", string(data))
		require.NoError(t, try(1))
	})
}

// The 32 bits of a version come round on a real server.
func TestVersionComesRoundOnARealServer(t *testing.T) {
	cfg := ensemble.Config{DataDir: t.TempDir()}
	zk := ensemble.Run(t, cfg)
	in, err := ensemble.Find()
	require.NoError(t, err)
	// A source file is run by the compiler, which a mere runtime has not.
	if exec.Command(in.Java, "--describe-module", "jdk.compiler").Run() != nil {
		if required("curator") {
			require.Fail(t, "no Java compiler: apt-get install default-jdk-headless")
		}
		t.Skip("no Java compiler: apt-get install default-jdk-headless; ZKKIT_REQUIRE=curator makes this a failure")
	}
	starts := map[string]int32{"/last": math.MaxInt32, "/three": -3, "/two": -2, "/one": -1}
	before := realStore(t, zk, cas.Config{})
	var args []string
	for path, version := range starts {
		_, _, err := cas.Update(t.Context(), before, path, add(1))
		require.NoError(t, err)
		args = append(args, path, strconv.Itoa(int(version)))
	}
	require.NoError(t, zk.Stop())
	dirs, err := filepath.Glob(filepath.Join(cfg.DataDir, "*", "data", "version-2"))
	require.NoError(t, err)
	require.Len(t, dirs, 1)
	java := []string{"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", strings.Join(in.Classpath, string(filepath.ListSeparator))}
	out, err := exec.Command(in.Java, append(append(java, "../testdata/cas/SetVersion.java", filepath.Dir(dirs[0])), args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)

	zk = ensemble.Run(t, cfg)
	client := realClient(t, zk)
	s, err := client.Session(t.Context())
	require.NoError(t, err)
	one, two := newStore(t, cas.ZooKeeper(client, nil), cas.Config{}), realStore(t, zk, cas.Config{})
	for path, start := range starts {
		stat, err := s.Exists(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, start, stat.Version)
		for range 3 {
			calls := 0
			_, stats, err := cas.Update(t.Context(), one, path, func(v int) (int, error) { // Two are at it with the same version, and the second one must notice.
				if calls++; calls == 1 {
					_, _, err := cas.Update(t.Context(), two, path, add(1000))
					require.NoError(t, err)
				}
				return v + 1, nil
			})
			require.NoError(t, err)
			require.Equal(t, 2, stats.Attempts)
		}
		require.Equal(t, 3004, get(t, one, path))
	}
	t.Logf("ran on ZooKeeper %s", zk.Version())
}
