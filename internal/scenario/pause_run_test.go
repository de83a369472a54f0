package scenario_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

func TestPauseTry(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	e, err := scenario.RunPause(t.Context(), scenario.PauseConfig{
		TTL: scenario.FastTTL, For: scenario.FastFor, Worker: []string{self, scenario.PauseWorkerCommand},
		Locks: strings.Split(os.Getenv("LOCKS"), ","), Redis: os.Getenv("REDIS"), Resource: os.Getenv("RES"),
		OnRun: func(e scenario.PauseEvidence, n int) { t.Log("\n" + scenario.PauseRunText(e, n, scenario.Style{})) },
	})
	require.NoError(t, err)
	t.Log("\n" + scenario.PauseTable(e, scenario.Style{}))
	t.Log("\n" + scenario.VerdictText(scenario.Judge(e), scenario.Style{}))
}
