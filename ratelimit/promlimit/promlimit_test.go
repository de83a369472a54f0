package promlimit_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ratelimit"
	"github.com/zkkit/zkkit/ratelimit/promlimit"
)

func TestCollector(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), ContextTimeoutEnabled: true})
	defer c.Close()
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"api", "login"} {
		l, err := ratelimit.New(c, ratelimit.Limit{Max: 2, Per: time.Hour}, ratelimit.Config{Prefix: name})
		require.NoError(t, err)
		defer l.Close()
		require.NoError(t, registry.Register(promlimit.New(name, l)))
		if name == "api" {
			for range 5 {
				_, err := l.Allow(t.Context(), "alice")
				require.NoError(t, err)
			}
		}
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	require.Len(t, got, 22)
	require.EqualValues(t, 2, got["ratelimit_decisions_total admitted api redis"])
	require.EqualValues(t, 3, got["ratelimit_decisions_total denied api deny-cache"])
	require.EqualValues(t, 2, got["ratelimit_questions_total api"])
	require.Zero(t, got["ratelimit_outages_total login"])
}
