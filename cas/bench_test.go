package cas_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/session"
)

// What an update takes of the processor where the store takes no time: by itself, with as many nodes as there are callers, and with one for all of them.
//
//	go test -run xxx -bench Update ./cas
func BenchmarkUpdate(b *testing.B) {
	for _, with := range []struct {
		name    string
		nodes   int
		callers int
	}{{"one caller", 1, 0}, {"callers with a node each", 64, 32}, {"callers of one node", 1, 32}} {
		b.Run(with.name, func(b *testing.B) {
			s := newStore(b, newMemory(), cas.Config{})
			update(b, s, with.nodes, with.callers)
		})
	}
}

// The same on a real server, next to the two requests of which an update consists.
//
//	go test -run xxx -bench Server ./cas
func BenchmarkServer(b *testing.B) {
	zk := ensemble.Run(b, ensemble.Config{})
	client, err := session.Open(b.Context(), session.Config{Servers: zk.Addrs()})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, client.Close()) })
	b.Run("get and set", func(b *testing.B) {
		sn, err := client.Session(b.Context())
		require.NoError(b, err)
		var next atomic.Int64
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			path := fmt.Sprintf("/bare-%d", next.Add(1))
			if _, err := sn.Create(b.Context(), path, nil, session.Persistent, nil); err != nil && !errors.Is(err, session.ErrNodeExists) {
				b.Error(err)
			}
			for pb.Next() {
				data, stat, err := sn.Get(b.Context(), path)
				if err == nil {
					_, err = sn.Set(b.Context(), path, data, stat.Version)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("update", func(b *testing.B) {
		s, err := cas.NewStore(client, cas.Config{})
		require.NoError(b, err)
		defer s.Close()
		update(b, s, 64, 16)
	})
}

// update adds 1 again and again, with that many goroutines for each processor, or one.
func update(b *testing.B, s *cas.Store, nodes, callers int) {
	b.Helper()
	b.ReportAllocs()
	var next atomic.Int64
	one := func(path string) {
		if _, _, err := cas.Update(b.Context(), s, path, add(1)); err != nil {
			b.Error(err)
		}
	}
	if callers == 0 {
		for b.Loop() {
			one("/n-0")
		}
		return
	}
	b.SetParallelism(callers)
	b.RunParallel(func(pb *testing.PB) {
		path := fmt.Sprintf("/n-%d", int(next.Add(1))%nodes)
		for pb.Next() {
			one(path)
		}
	})
}
