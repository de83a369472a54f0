package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/zktest"
)

// serverOptions is the command line of zkctl server.
type serverOptions struct {
	listen   string // host:port
	tick     time.Duration
	extended bool
}

// usualAddress is where ZooKeeper's clients look by themselves.
const usualAddress = "127.0.0.1:2181"

func newServerCmd(c *console, runF func(context.Context, *serverOptions) error) *cobra.Command {
	o := &serverOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *serverOptions) error { return runServer(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a ZooKeeper in memory, to develop against: not for production",
		Long: `Run zktest, a ZooKeeper server in the memory of this process, for developing and trying things out. It speaks the real
protocol, and it is not for production: one server, no disk, and everything in it is lost when it ends. Its address is the
one line on standard output. It ends with Ctrl-C.`,
		Example: `  zkctl server
  zkctl server --listen 127.0.0.1:0                    a free port, which it prints
  zkctl server --tick 200ms                            sessions from 400ms to 4s
  zkctl partition --servers 127.0.0.1:2181             in another terminal`,
		Annotations: map[string]string{notes: "Exit codes:\n  2    wrong usage\n  4    the address cannot be had\n  130  interrupted: the only way in which it ends"},
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	newFlag(cmd, &o.listen, "listen", "HOST:PORT", usualAddress, "where to listen; port 0 is any free one", anAddress)
	newFlag(cmd, &o.tick, "tick", "DURATION", 2*time.Second, "tickTime: sessions are granted from 2 to 20 of it", wholeMillis)
	f.BoolVar(&o.extended, "extended-types", false, "have nodes with a time to live, as with zookeeper.extendedTypesEnabled")
	return cmd
}

// anAddress parses where to listen. A port that is missing is the usual one; a host that is missing would be every interface, which must be said.
func anAddress(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), "2181"
		if addr, err := netip.ParseAddr(host); strings.Contains(host, ":") && (err != nil || !addr.Is6()) {
			host = ""
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "/ []") {
		return "", errors.New("want host:port such as " + usualAddress + ", or 0.0.0.0:2181 for all interfaces")
	}
	return net.JoinHostPort(host, port), nil
}

// runServer serves until ctx ends, and returns its cause.
func runServer(ctx context.Context, c *console, o *serverOptions) error {
	zk := zktest.Start(zktest.Config{Tick: o.tick, ExtendedTypes: o.extended})
	if err := zk.Listen(o.listen); err != nil {
		_ = zk.Close()
		return environmentf("cannot listen on %s: %w: choose another --listen; port 0 is any free one", o.listen, listenCause(err))
	}
	warn(c.err, zk.Version(), zk.Addr())
	if err := writeOut(c.out, zk.Addr()+"\n"); err != nil {
		_ = zk.Close()
		return err
	}
	<-ctx.Done()
	if err := zk.Close(); err != nil {
		return environmentf("the server did not close: %w", err)
	}
	return after(context.Cause(ctx), "closed, and what was in it is lost")
}

// warn says what this server is not, and who can reach it.
func warn(to io.Writer, version, address string) {
	fmt.Fprintf(to, "NOT FOR PRODUCTION: this is zktest %s, a ZooKeeper in memory for development.\n", version)
	fmt.Fprintln(to, "EVERYTHING IN IT IS LOST WHEN IT ENDS. Ctrl-C ends it.")
	if addr, err := netip.ParseAddrPort(address); err != nil || !addr.Addr().Unmap().IsLoopback() {
		fmt.Fprintf(to, "WARNING: %s can be reached from other machines, and anybody who reaches it can read and change everything.\n", address)
	}
}

// listenCause is what the operating system said, without the operation and the address.
func listenCause(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	if call := (*os.SyscallError)(nil); errors.As(err, &call) {
		err = call.Err
	}
	return err
}
