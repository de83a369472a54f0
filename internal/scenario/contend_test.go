package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestContendOnZktest(t *testing.T) {
	r, err := RunContend(t.Context(), ContendConfig{
		Workers: []int{1, 3}, Processes: []int{2, 1}, For: 5 * time.Second, Engine: EngineConfig{Kind: EngineEmbedded}, Strategies: []string{contendLock, contendCAS, contendBackoff, contendAdaptive, contendCombining},
		Workload: ContendInventory, OnProgress: func(s string) { t.Log(s) },
	})
	require.NoError(t, err)
	for k, v := range r.Figures {
		t.Log(k, v)
	}
	for _, c := range r.Checks {
		t.Logf("%+v", c)
	}
	require.Equal(t, Safe, r.Verdict)
}
