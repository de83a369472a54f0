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

// worker is the program of a user, for scripts: a command that takes the lock at LOCK_PATH and then does as its argument says.
//
//	careful    works as long as its hold lasts, with its token, and says what it believes
//	careless   works for ever, without a token, and says nothing
//	silent     takes the lock, and nothing more is seen or heard of it
//	boastful   says that it has the lock, and never anything else
//	quits      ends when it loses the lock, and says nothing
//	leaves     ends as soon as it has the lock
//	direct     is careful, at the servers of $DIRECT
//	idle       opens a session and never asks for the lock
//
// All of them end on SIGINT and SIGTERM, and say which it was.
func worker() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		fmt.Println("got", <-signals)
		os.Exit(7)
	}()
	how, servers := os.Args[1], os.Getenv("ZK_SERVERS")
	if how == "direct" {
		servers = os.Getenv("DIRECT")
	}
	ctx := context.Background()
	client, err := session.Open(ctx, session.Config{Servers: strings.Split(servers, ","), Timeout: time.Second})
	must(err)
	if how == "idle" {
		select {}
	}
	lock, err := zklock.NewMutex(client, os.Getenv("LOCK_PATH"), zklock.Config{})
	must(err)
	for {
		hold, err := lock.Lock(ctx)
		if err != nil {
			continue
		}
		switch how {
		case "careful", "direct":
			fmt.Println("zkctl: held", hold.Token())
			go func() {
				<-hold.Done()
				fmt.Println("zkctl: released")
			}()
			write(hold.Token().String(), hold.Done())
			_ = hold.Unlock(ctx)
		case "careless":
			write("-", nil)
		case "boastful":
			fmt.Println("zkctl: held")
			select {}
		case "quits":
			<-hold.Done()
			os.Exit(9)
		case "leaves":
			fmt.Println("had enough")
			os.Exit(0)
		default:
			select {}
		}
	}
}

// write writes until done is closed, or the resource refuses it. Where there is none it waits.
func write(token string, done <-chan struct{}) {
	addr := os.Getenv("RESOURCE_ADDR")
	if addr == "" {
		<-done
		return
	}
	conn, err := net.Dial("tcp", addr)
	must(err)
	defer conn.Close()
	answers := bufio.NewScanner(conn)
	line := "seal " + token
	if token == "-" {
		line = "write - x"
	}
	for {
		_, err := fmt.Fprintln(conn, line)
		must(err)
		if !answers.Scan() || answers.Text() != "ok" {
			return
		}
		line = "write " + token + " x"
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
