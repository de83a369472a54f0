package zktest_test

import (
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zkkit/zkkit/zktest"
)

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s := zktest.Start(zktest.Config{})
		_ = s.Addr()
		_ = s.Close()
	}
}

// The same write from eight clients at once, over TCP.
func BenchmarkSet(b *testing.B) {
	s := zktest.Start(zktest.Config{})
	defer s.Close()
	next := make(chan *zk.Conn, 8)
	for range cap(next) {
		c, _, err := zk.Connect([]string{s.Addr()}, 10*time.Second, zk.WithLogInfo(false))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		next <- c
	}
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		c := <-next
		defer func() { next <- c }()
		for pb.Next() {
			if _, err := c.Set("/", []byte("x"), -1); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
