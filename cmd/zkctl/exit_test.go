package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		said string
	}{
		{nil, 0, ""},
		{verdict(scenario.Safe.Exit()), 0, ""},
		{verdict(scenario.Violated.Exit()), 1, ""},
		{verdict(scenario.Inconclusive.Exit()), 3, ""},
		{verdict(scenario.Stalled.Exit()), 5, ""},
		{usagef("--for %d: too short", 0), 2, "--for 0: too short"},
		{fmt.Errorf("holder: %w", usagef("unknown recipe")), 2, "unknown recipe"},
		// A mistake stays one, whoever noticed it.
		{&scenario.EnvironmentError{Err: usagef("server: want host:port")}, 2, "server: want host:port"},
		{environmentf("no port: %w", io.ErrUnexpectedEOF), 4, "no port: unexpected EOF"},
		{errors.New("something else"), 4, "something else"},
		{context.DeadlineExceeded, 4, "context deadline exceeded"},
		{environmentf("ZooKeeper at a:1 cannot be used: %w", errors.New("session: no session: zklock: ensemble: x")), 4,
			"ZooKeeper at a:1 cannot be used: no session: ensemble: x"},
		{errInterrupted, 130, "interrupted"},
		{after(fmt.Errorf("run: %w", errInterrupted), "cleaned up"), 130, "run: interrupted: cleaned up"},
		{&scenario.EnvironmentError{Err: errInterrupted}, 130, "interrupted"},
		{after(io.EOF, "cleaned up"), 4, "EOF"},
	} {
		require.Equal(t, c.code, exitCode(c.err), "%v", c.err)
		require.Equal(t, c.said, message(c.err))
	}
}

// The whole program: what goes where.
func TestRun(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 2, run([]string{"partition", "--for", "0"}, strings.NewReader(""), &stdout, &stderr))
	require.Empty(t, stdout.String())
	require.Equal(t, "zkctl: --for 0: a fault lasts longer than 0, for example 3s or session+1s\n", stderr.String())

	stderr.Reset()
	require.Equal(t, 0, run([]string{"version"}, strings.NewReader(""), &stdout, &stderr))
	require.Contains(t, stdout.String(), "toxiproxy     v2.12.0\n")
	require.Empty(t, stderr.String())
}
