// Command fenced is a small service that does it right: it works only while its hold lasts, every write of it carries the hold's token, and it says what it believes, so
// that zkctl can hold that against what really was:
//
//	go build -o fenced ./testdata/programs/fenced
//	zkctl partition --for session+1s --lock-path /locks/orders --resource fenced -- ./fenced
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve works whenever it has the lock, until ctx ends.
func serve(ctx context.Context) error {
	client, err := session.Open(ctx, session.Config{Servers: strings.Split(os.Getenv("ZK_SERVERS"), ","), Timeout: 2 * time.Second})
	if err != nil {
		return err
	}
	defer client.Close()
	lock, err := zklock.NewMutex(client, os.Getenv("LOCK_PATH"), zklock.Config{Label: os.Getenv("ZKCTL_INSTANCE")})
	if err != nil {
		return err
	}
	account, err := net.Dial("tcp", os.Getenv("RESOURCE_ADDR"))
	if err != nil {
		return err
	}
	defer account.Close()
	answers := bufio.NewReader(account)
	for ctx.Err() == nil {
		hold, err := lock.Lock(ctx)
		if err != nil {
			continue // The session was lost while it waited: there is another one by now.
		}
		work(ctx, hold, account, answers)
	}
	return nil
}

// work seals the account against earlier holders, and writes to it for as long as the hold lasts.
func work(ctx context.Context, hold *zklock.Hold, account net.Conn, answers *bufio.Reader) {
	defer func() {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = hold.Unlock(detached)
	}()
	fmt.Println("zkctl: held", hold.Token())
	done := make(chan struct{})
	defer func() { <-done }()
	go func() { // The moment at which the hold ends is told at once, whatever the work is waiting for.
		defer close(done)
		select {
		case <-hold.Done():
			fmt.Println("stopped:", hold.Err())
		case <-ctx.Done():
		}
		fmt.Println("zkctl: released")
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for order := "seal %v\n"; hold.Err() == nil && ctx.Err() == nil; order = "write %v ten crowns more\n" {
		fmt.Fprintf(account, order, hold.Token())
		answer, err := answers.ReadString('\n')
		if err != nil || answer != "ok\n" {
			fmt.Println("the account says:", strings.TrimSpace(answer), err)
			return
		}
		select {
		case <-tick.C:
		case <-hold.Done():
		case <-ctx.Done():
		}
	}
}
