package scenario_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble/containers"
	"github.com/zkkit/zkkit/internal/scenario"
)

// What was no real ZooKeeper is never called one.
func TestEngineString(t *testing.T) {
	for want, e := range map[string]scenario.Engine{
		"local, ZooKeeper 3.8.0": {Kind: scenario.EngineLocal, Version: "3.8.0"},
		"connect":                {Kind: scenario.EngineConnect},
		"an unknown engine":      {},
	} {
		require.Equal(t, want, e.String())
		require.True(t, e.Real(), want)
	}
	for want, e := range map[string]scenario.Engine{
		"embedded, zktest 3.8.0-zktest, in this process: not a real ZooKeeper": {Kind: scenario.EngineEmbedded, Version: "3.8.0-zktest"},
		"embedded, zktest, in this process: not a real ZooKeeper":              {Kind: scenario.EngineEmbedded},
		"connect, zktest 3.8.0-zktest: not a real ZooKeeper":                   {Kind: scenario.EngineConnect, Version: "3.8.0-zktest"},
	} {
		require.Equal(t, want, e.String())
		require.False(t, e.Real(), want)
	}
}

func TestAutoEngine(t *testing.T) {
	t.Setenv("ZOOKEEPER_HOME", filepath.Join(t.TempDir(), "nothing"))
	require.Equal(t, scenario.EngineConnect, scenario.AutoEngine(t.Context(), []string{"zk:2181"}))
	if containers.Ready(t.Context()) == nil {
		require.Equal(t, scenario.EngineDocker, scenario.AutoEngine(t.Context(), nil))
	}
	t.Setenv("ZKKIT_TOXIPROXY_IMAGE", "zkkit.invalid/nothing:none") // An engine without the images is not asked to pull them.
	require.Equal(t, scenario.EngineEmbedded, scenario.AutoEngine(t.Context(), nil))
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "nobody"))
	require.Equal(t, scenario.EngineEmbedded, scenario.AutoEngine(t.Context(), nil))
}

// The story of a run says what it ran on, where that is not what its name says.
func TestStoryOfEmbedded(t *testing.T) {
	dir, _ := written(t, "ok-drop")
	r, err := scenario.Load(dir)
	require.NoError(t, err)
	e, err := r.Evidence()
	require.NoError(t, err)
	require.NotContains(t, scenario.WalkthroughText(e, scenario.Style{}), "zktest")
	require.Contains(t, scenario.Judge(e).Reasons[0], "before ZooKeeper deleted its node")

	e.Engine = scenario.Engine{Kind: scenario.EngineEmbedded, Version: "3.8.0-zktest"}
	require.Contains(t, scenario.WalkthroughText(e, scenario.Style{}), "All this was seen on zktest")
	require.Contains(t, scenario.Judge(e).Reasons[0], "before zktest deleted its node")
}
