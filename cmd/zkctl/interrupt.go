package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// An interruption is why everything ends after a signal. It is an errInterrupted, and a program that a run has started is sent the same signal.
type interruption struct{ signal os.Signal }

// Error does not say which signal it was: whoever sent it knows.
func (i interruption) Error() string { return errInterrupted.Error() }

// Unwrap returns errInterrupted.
func (i interruption) Unwrap() error { return errInterrupted }

// Signal returns the signal.
func (i interruption) Signal() os.Signal { return i.signal }

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP cancels with an interruption as its cause, so that everything
// heals and cleans up. The second one exits at once; a server that was started dies with this process. stop gives the signals back.
//
// A signal that whoever started us has ignored, as nohup does, stays ignored. SIGPIPE ends nothing: a write to a pipe that nobody reads
// fails, and is handled like any write that fails.
func interruptible(parent context.Context, stderr io.Writer) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	pipes := make(chan os.Signal, 1) // Never read.
	signal.Notify(pipes, syscall.SIGPIPE)
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case sig := <-signals:
			cancel(interruption{sig})
		case <-stopped:
			return
		}
		select {
		case <-signals:
			fmt.Fprintln(stderr, "zkctl: interrupted again: left without cleaning up")
			os.Exit(exitInterrupted)
		case <-stopped:
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		wg.Wait()
		signal.Stop(pipes)
		cancel(nil)
	}
}
