package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

var errNone = errors.New("none of that here")

// madeUp is a store whose fenced writes take twice as long, and which answers a stale one as it is told.
func madeUp(name string, stale error, closed *[]string) fenceStore {
	return fenceStore{
		name: name, lacks: func(err error) bool { return errors.Is(err, errNone) },
		open: func(context.Context, int) (*fencedStore, error) {
			write := func(took time.Duration) func(context.Context, int) error {
				return func(ctx context.Context, _ int) error { return sleep(ctx, took) }
			}
			return &fencedStore{
				about:    name + " 1.0",
				subjects: []func(context.Context, int) error{write(10 * time.Millisecond), write(20 * time.Millisecond)},
				costs:    []fenceCost{{name, 0, 1}},
				stale:    func(context.Context) error { return stale },
				close:    func() { *closed = append(*closed, name) },
			}, nil
		},
	}
}

func missing(name string) fenceStore {
	return fenceStore{
		name: name, lacks: func(err error) bool { return errors.Is(err, errNone) },
		open: func(context.Context, int) (*fencedStore, error) { return nil, errNone },
	}
}

func TestBenchFence(t *testing.T) { synctest.Test(t, testBenchFence) }

func testBenchFence(t *testing.T) {
	stale := &fence.StaleError{Resource: "it", Have: staleToken, Max: benchToken}
	var closed []string
	r, err := runBenchFence(t.Context(), BenchFenceConfig{Clients: 2, For: 2 * time.Second}, []fenceStore{madeUp("redis", stale, &closed), missing("postgres")})
	require.NoError(t, err)
	require.Equal(t, Safe, r.Verdict, "%v", r.Reasons)
	require.Equal(t, []string{"redis"}, closed)
	require.InDelta(t, 2, r.Figures["redis_fenced_vs_plain_ratio"], 0.2)
	require.Greater(t, r.Figures["redis_plain_writes_per_s"], r.Figures["redis_fenced_writes_per_s"])
	require.NotContains(t, r.Figures, "postgres_fenced_vs_plain_ratio", "absent, and not 0")
	var parameters struct{ Stores, Missing map[string]string }
	require.NoError(t, json.Unmarshal(r.Parameters, &parameters))
	require.Equal(t, map[string]string{"redis": "redis 1.0"}, parameters.Stores)
	require.Equal(t, map[string]string{"postgres": errNone.Error()}, parameters.Missing)

	for reason, answer := range map[string]error{
		"redis accepted a stale write":                                     nil,
		"redis did not refuse a stale write, but failed: the disk is full": errors.New("the disk is full"),
	} {
		r, err := runBenchFence(t.Context(), BenchFenceConfig{Clients: 2, For: 2 * time.Second}, []fenceStore{madeUp("redis", answer, &closed)})
		require.NoError(t, err)
		require.Equal(t, Violated, r.Verdict)
		require.Equal(t, []string{reason}, r.Reasons)
	}
}

func TestBenchFenceWithNothingToMeasure(t *testing.T) {
	var closed []string
	_, err := runBenchFence(t.Context(), BenchFenceConfig{}, []fenceStore{missing("postgres"), missing("redis")})
	var lacking *EnvironmentError
	require.ErrorAs(t, err, &lacking)
	require.EqualError(t, err, "nothing to measure on: none of that here; none of that here")

	broken := missing("zookeeper")
	broken.lacks = func(error) bool { return false }
	_, err = runBenchFence(t.Context(), BenchFenceConfig{}, []fenceStore{madeUp("redis", nil, &closed), broken})
	require.ErrorAs(t, err, &lacking, "it is there, and does not work")
	require.Equal(t, []string{"redis"}, closed)

	for _, cfg := range []BenchFenceConfig{{Clients: -1}, {For: time.Millisecond}, {Stores: []string{"oracle"}}} {
		_, err := RunBenchFence(t.Context(), cfg)
		var wrong *UsageError
		require.ErrorAs(t, err, &wrong)
	}
}
