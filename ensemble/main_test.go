package ensemble

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/internal/child"
)

// patience is how long a test waits for what should be immediate. It bounds hangs and measures nothing.
const patience = 30 * time.Second

// The test binary, executed again with this variable set, plays a process that is killed.
const helperEnv = "ENSEMBLE_TEST_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "server", "servers":
		n := map[string]int{"server": 1, "servers": 3}[os.Getenv(helperEnv)]
		e, err := Start(context.Background(), Config{Servers: n})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(e.servers[0].PID(), e.dir)
		select {}
	case "namespaces":
		e, err := Start(context.Background(), Config{Namespaces: true})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(e.servers[0].PID(), e.fabric.device)
		select {}
	}
	goleak.VerifyTestMain(m)
}

// helper runs this binary as a process that does what mode says, and returns the process and the two words that it printed.
func helper(t *testing.T, mode string) (cmd *exec.Cmd, pid int, word string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+mode)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	first, word, _ := strings.Cut(strings.TrimSpace(line), " ")
	pid, err = strconv.Atoi(first)
	require.NoError(t, err, line)
	return cmd, pid, word
}

// installed skips a test that calls Start itself where Run would.
func installed(t *testing.T) Installation {
	t.Helper()
	inst, err := Find()
	if errors.Is(err, ErrNotInstalled) && !required("local") {
		t.Skip(err)
	}
	require.NoError(t, err)
	return inst
}

// namespaces skips a test that needs them where they cannot be made.
func namespaces(t *testing.T) {
	t.Helper()
	err := CanNamespaces(t.Context())
	if errors.Is(err, ErrNoNamespaces) && !required("netns") {
		t.Skip(err)
	}
	require.NoError(t, err)
}

func isAlive(pid int) bool {
	_, alive := child.Alive(pid)
	return alive
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return !isAlive(pid) }, patience, 5*time.Millisecond, "process %d lives on", pid)
}

func requireClosed(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		require.Fail(t, "the channel is not closed")
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// openSession does the handshake of a ZooKeeper client and no more, which is one transaction on the server, and returns the session's timeout.
func openSession(t *testing.T, addr string, timeout time.Duration) time.Duration {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))

	_, err = c.Write(handshake(timeout))
	require.NoError(t, err)

	answer := make([]byte, 4+4+4+8)
	_, err = io.ReadFull(c, answer)
	require.NoError(t, err)
	require.NotZero(t, binary.BigEndian.Uint64(answer[12:]), "no session id")
	return time.Duration(binary.BigEndian.Uint32(answer[8:])) * time.Millisecond
}

// handshake returns what a client says first.
func handshake(timeout time.Duration) []byte {
	frame := make([]byte, 4+45)
	binary.BigEndian.PutUint32(frame, 45)                                  // Length.
	binary.BigEndian.PutUint32(frame[16:], uint32(timeout.Milliseconds())) // After version and last zxid, both 0; a session id of 0 follows.
	binary.BigEndian.PutUint32(frame[28:], 16)                             // Length of the password, all 0.
	return frame
}

// zxid returns the number of the server's last transaction.
func zxid(t *testing.T, e *Ensemble) uint64 {
	t.Helper()
	srvr, err := e.servers[0].ask(within(t, patience), "srvr")
	require.NoError(t, err)
	require.Contains(t, srvr, "Zxid: ")
	return zxidOf(srvr)
}

// fakeJava returns an installation whose java is a shell script.
func fakeJava(t *testing.T, script string) *Installation {
	t.Helper()
	path := t.TempDir() + "/java"
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	return &Installation{Home: t.TempDir(), Classpath: []string{"none.jar"}, Java: path}
}
