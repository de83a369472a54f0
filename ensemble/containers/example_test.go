package containers_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/ensemble/containers"
)

// Three servers elect another leader when the one that they have is cut off from them, while clients still reach it.
// In a test, containers.Run(t, cfg) takes the place of Start and Stop.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	zk, err := containers.Start(ctx, containers.Config{Servers: 3})
	if errors.Is(err, containers.ErrNoEngine) || errors.Is(err, containers.ErrNoImage) {
		fmt.Println(err) // One line that says what to do.
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() {
		if err := zk.Stop(); err != nil {
			fmt.Println(err)
		}
	}()

	old, err := zk.Leader(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := old.Disconnect(ctx, containers.Peers); err != nil {
		fmt.Println(err)
		return
	}
	for next := old; next == old; {
		if next, err = zk.Leader(ctx); err != nil { // Fails when ctx ends.
			fmt.Println(err)
			return
		}
		if next != old {
			fmt.Println("led by", old.Name(), "and now by", next.Name())
		}
	}
}
