package zklock_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
	"github.com/zkkit/zkkit/zktest"
)

// A nightly job runs on one machine at a time. The ledger that it writes to compares tokens, so that a run which was stopped and comes to life again after
// its lock went to another machine can do no harm.
func ExampleMutex_Lock() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := session.Open(ctx, session.Config{Servers: []string{"zk1:2181", "zk2:2181", "zk3:2181"}, Timeout: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	mutex, err := zklock.NewMutex(client, "/locks/nightly", zklock.Config{Label: "nightly report"})
	if err != nil {
		log.Fatal(err)
	}
	hold, err := mutex.Lock(ctx) // waits for its turn, until ctx ends
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := hold.Unlock(ctx); errors.Is(err, zklock.ErrLost) {
			log.Print("somebody else may have run meanwhile: ", err)
		}
	}()

	work, stop := hold.Context(ctx) // ends with the hold
	defer stop()
	var ledger fence.Memory[string]
	if err := ledger.Seal(work, "report", hold.Token()); err != nil { // from here on no earlier holder gets in
		log.Print(err)
		return
	}
	if err := ledger.Write(work, "report", hold.Token(), "done"); err != nil {
		log.Print(err)
	}
}

// A batch is worked off page by page. When a page hangs, here in the place of a disk or of somebody's API, the lock goes to the next machine, although this one is
// alive and its session is renewed.
func ExampleMutex_Work() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := zktest.Start(zktest.Config{}) // in memory, for this example
	defer server.Close()
	client, err := session.Open(ctx, session.Config{Servers: []string{server.Addr()}, Timeout: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	mutex, err := zklock.NewMutex(client, "/locks/batch", zklock.Config{})
	if err != nil {
		log.Fatal(err)
	}

	const stall = time.Second // no page takes longer when all is well
	err = mutex.Work(ctx, stall, func(ctx context.Context, w *zklock.Work) error {
		for page := 1; ; page++ {
			if page > 2 {
				<-ctx.Done() // This page hangs.
				return nil   // And the function takes no notice.
			}
			fmt.Println("page", page)
			if err := w.Progress(); err != nil {
				return err
			}
		}
	})
	fmt.Println("stalled:", errors.Is(err, zklock.ErrStalled))

	hold, err := mutex.Lock(ctx) // somebody else has it now
	fmt.Println("locked again:", err == nil)
	_ = hold.Unlock(ctx)
	// Output:
	// page 1
	// page 2
	// stalled: true
	// locked again: true
}
