package zklock_test

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
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
