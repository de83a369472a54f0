package ensemble_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/ensemble"
)

// A ZooKeeper that stands still for two seconds, seen by whatever connects to it meanwhile.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	zk, err := ensemble.Start(ctx, ensemble.Config{Tick: 200 * time.Millisecond})
	if errors.Is(err, ensemble.ErrNotInstalled) {
		fmt.Println(err) // One line that says what to install.
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
	fmt.Println("ZooKeeper", zk.Version(), "at", zk.ConnectString())

	server := zk.Servers()[0]
	if err := server.Pause(); err != nil {
		fmt.Println(err)
		return
	}
	time.Sleep(2 * time.Second)
	if err := server.Resume(); err != nil {
		fmt.Println(err)
	}
}
