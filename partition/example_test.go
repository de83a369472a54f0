package partition_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"

	"github.com/zkkit/zkkit/partition"
)

// A client says something to an echo server while the way back is jammed: the server hears it at once, the client gets the answer late.
// In a test, partition.Run(t, links) takes the place of New, Link and Close.
func Example() {
	ctx := context.Background()
	n, err := partition.New(ctx, partition.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	link, err := n.Link(ctx, "client-echo", startEchoServer())
	if err != nil {
		log.Fatal(err)
	}
	conn, err := net.Dial("tcp", link.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = conn.Close() }()

	said := func(line string) string {
		_, _ = fmt.Fprintln(conn, line)
		answer, _ := bufio.NewReader(conn).ReadString('\n')
		return answer
	}
	fmt.Print(said("is anybody there?"))

	cut, err := link.Cut(ctx, partition.Jam, partition.FromServer)
	if err != nil {
		log.Fatal(err)
	}
	answer := make(chan string)
	go func() { answer <- said("and now?") }()
	for {
		if t, _ := cut.Traffic(); t.FromServer.Offered > 0 {
			break // the server has answered
		}
	}
	t, _ := cut.Traffic()
	fmt.Printf("to the server %d B; from the server %d B offered, %d B forwarded\n",
		t.ToServer.Forwarded, t.FromServer.Offered, t.FromServer.Forwarded)
	if err := cut.Heal(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Print(<-answer)
	for _, e := range n.Timeline().Events() {
		fmt.Println(e.Who, e.What)
	}

	// Output:
	// is anybody there?
	// to the server 9 B; from the server 9 B offered, 0 B forwarded
	// and now?
	// client-echo cut
	// client-echo heal
}

// startEchoServer answers one connection with what it says.
func startEchoServer() (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		conn, err := ln.Accept()
		_ = ln.Close()
		if err == nil {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}
