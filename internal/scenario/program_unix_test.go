//go:build unix

package scenario_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/internal/scenario"
)

// asked is why a run ends that was asked to with a signal.
type asked struct{ signal os.Signal }

func (a asked) Error() string     { return "asked to end" }
func (a asked) Signal() os.Signal { return a.signal }

// heard collects what programs print.
type heard struct {
	mu    sync.Mutex // guards lines
	lines []string
	first chan struct{}
}

func (h *heard) line(instance, line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lines = append(h.lines, instance+": "+line); len(h.lines) == 1 {
		close(h.first)
	}
}

// However a run with programs ends, nothing of it is left in this process, and the programs were told with the signal that this one was told with.
func TestProgramLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	run := func(ctx context.Context, h *heard, script string) error {
		_, err := scenario.RunPartition(ctx, scenario.PartitionConfig{
			LockPath: "/l", Engine: scenario.EngineConfig{Kind: scenario.EngineEmbedded},
			Program: &scenario.Program{
				Command: []string{"sh", "-c", script}, Resource: scenario.ResourceFenced, Ready: 30 * time.Second, Grace: 30 * time.Second, OnOutput: h.line,
			},
		})
		return err
	}
	h := &heard{first: make(chan struct{})}
	err := run(t.Context(), h, `echo "$ZKCTL_INSTANCE $LOCK_PATH"; echo no newline | tr -d '\n' >&2; exit 3`)
	var environment *scenario.EnvironmentError
	require.ErrorAs(t, err, &environment)
	require.ErrorContains(t, err, "the holder ended before anything was cut: exit status 3")
	require.ElementsMatch(t, []string{"holder: holder /l", "holder: no newline"}, h.lines)

	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	h = &heard{first: make(chan struct{})}
	go func() {
		<-h.first
		cancel(asked{syscall.SIGINT})
	}()
	err = run(ctx, h, `trap 'echo interrupted; exit 1' INT; echo begun; while :; do sleep 0.01; done`)
	var why asked
	require.True(t, errors.As(err, &why), "%v", err)
	require.Equal(t, []string{"holder: begun", "holder: interrupted"}, h.lines)
}
