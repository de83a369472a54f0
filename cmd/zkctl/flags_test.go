package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

// testConsole is one that nobody looks at, with an environment of its own.
func testConsole(env map[string]string) *console {
	return &console{out: new(bytes.Buffer), err: new(bytes.Buffer), getenv: func(name string) string { return env[name] }}
}

// parsed runs a command that only notes what it was given.
func parsed(t *testing.T, cmd *cobra.Command, args ...string) error {
	t.Helper()
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(flagError)
	return cmd.Execute()
}

func TestPartitionFlags(t *testing.T) {
	usual := scenario.PartitionConfig{
		For: scenario.Length{Plus: 3 * time.Second}, Session: 2 * time.Second, Kind: scenario.KindDrop, Direction: scenario.DirectionBoth,
		Where: scenario.WhereHolder, Recipe: scenario.RecipeZklock, Clients: 2, Engine: scenario.EngineConfig{Kind: scenario.EngineAuto},
	}
	with := func(change func(*partitionOptions)) partitionOptions {
		o := partitionOptions{run: usual, color: colorAuto, program: scenario.Program{Ready: 30 * time.Second, Grace: 5 * time.Second}}
		change(&o)
		return o
	}
	servers := map[string]string{"ZK_SERVERS": "zk1, zk2:2182"}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want partitionOptions
	}{
		"nothing": {want: with(func(*partitionOptions) {})},
		"the fault": {
			args: []string{"--for", "session+1s", "--session=5s", "--kind", "jam", "--direction", "to-server", "--seed", "7"},
			want: with(func(o *partitionOptions) {
				o.run.For, o.run.Session = scenario.Length{OfSession: true, Plus: time.Second}, 5*time.Second
				o.run.Kind, o.run.Direction, o.run.Seed = scenario.KindJam, scenario.DirectionToServer, 7
			}),
		},
		"the servers": {
			args: []string{"--cut", "minority", "--ensemble", "5"},
			want: with(func(o *partitionOptions) { o.run.Where, o.run.Engine.Ensemble = scenario.WhereMinority, 5 }),
		},
		"the subject": {
			args: []string{"--recipe", "go-zookeeper", "--clients", "5", "--lock-path", "/locks/orders", "--timeout", "2m"},
			want: with(func(o *partitionOptions) {
				o.run.Recipe, o.run.Clients, o.run.LockPath, o.run.Timeout = scenario.RecipeStock, 5, "/locks/orders", 2*time.Minute
			}),
		},
		"a program": {
			args: []string{"--lock-path", "/l", "--resource", "plain", "--ready", "1m", "--grace=1s", "--clients", "3", "--", "./x", "--for", "-y", "--"},
			want: with(func(o *partitionOptions) {
				o.program = scenario.Program{Command: []string{"./x", "--for", "-y", "--"}, Resource: scenario.ResourcePlain, Ready: time.Minute, Grace: time.Second}
				o.run.LockPath, o.run.Clients, o.run.Program = "/l", 3, &o.program
			}),
		},
		"a program with the name of a command": {
			args: []string{"--", "check", "out"},
			want: with(func(o *partitionOptions) { o.program.Command, o.run.Program = []string{"check", "out"}, &o.program }),
		},
		"the output": {
			args: []string{"--json", "--quiet", "--report", "out", "--color", "never"},
			want: with(func(o *partitionOptions) { o.json, o.quiet, o.report, o.color = true, true, "out", colorNever }),
		},
		"servers": {
			args: []string{"--servers", "a:1,b", "--servers", "[::1]:3"}, env: servers,
			want: with(func(o *partitionOptions) { o.run.Engine.Servers = []string{"a:1", "b:2181", "[::1]:3"} }),
		},
		"servers of the environment": {
			env:  servers,
			want: with(func(o *partitionOptions) { o.run.Engine.Servers = []string{"zk1:2181", "zk2:2182"} }),
		},
		"connect": {
			args: []string{"--engine", "connect"}, env: servers,
			want: with(func(o *partitionOptions) {
				o.run.Engine = scenario.EngineConfig{Kind: scenario.EngineConnect, Servers: []string{"zk1:2181", "zk2:2182"}}
			}),
		},
		"embedded": {
			args: []string{"--engine", "embedded"}, env: servers,
			want: with(func(o *partitionOptions) { o.run.Engine = scenario.EngineConfig{Kind: scenario.EngineEmbedded} }),
		},
		"local": {
			args: []string{"--engine", "local", "--tick", "100ms"}, env: servers,
			want: with(func(o *partitionOptions) {
				o.run.Engine = scenario.EngineConfig{Kind: scenario.EngineLocal, Tick: 100 * time.Millisecond}
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got *partitionOptions
			cmd := newPartitionCmd(testConsole(c.env), func(_ context.Context, o *partitionOptions) error {
				got = o
				return nil
			})
			require.NoError(t, parsed(t, cmd, c.args...))
			require.Equal(t, c.want, *got)
		})
	}
}

func TestOtherFlags(t *testing.T) {
	env := map[string]string{"ZK_SERVERS": "zk:1"}

	var bench *benchLockOptions
	cmd := newBenchLockCmd(testConsole(env), func(_ context.Context, o *benchLockOptions) error {
		bench = o
		return nil
	})
	require.NoError(t, parsed(t, cmd, "--for", "3s", "--json"))
	require.Equal(t, benchLockOptions{json: true, color: colorAuto, run: scenario.BenchLockConfig{
		Clients: 8, For: 3 * time.Second, Engine: scenario.EngineConfig{Kind: scenario.EngineAuto, Servers: []string{"zk:1"}},
	}}, *bench)

	var servers *benchServerOptions
	cmd = newBenchServerCmd(testConsole(env), func(_ context.Context, o *benchServerOptions) error {
		servers = o
		return nil
	})
	require.NoError(t, parsed(t, cmd, "--for", "3s", "--clients", "1"))
	require.Equal(t, benchServerOptions{color: colorAuto, run: scenario.BenchServerConfig{Clients: 1, For: 3 * time.Second}}, *servers)

	var fences *benchFenceOptions
	cmd = newBenchFenceCmd(testConsole(env), func(_ context.Context, o *benchFenceOptions) error {
		fences = o
		return nil
	})
	require.NoError(t, parsed(t, cmd, "--clients", "3", "--store", "redis,postgres", "--store", "zookeeper"))
	require.Equal(t, benchFenceOptions{color: colorAuto, run: scenario.BenchFenceConfig{
		Clients: 3, For: 20 * time.Second, Stores: []string{"redis", "postgres", "zookeeper"},
	}}, *fences)

	var server *serverOptions
	cmd = newServerCmd(testConsole(env), func(_ context.Context, o *serverOptions) error {
		server = o
		return nil
	})
	require.NoError(t, parsed(t, cmd, "--extended-types"))
	require.Equal(t, serverOptions{listen: "127.0.0.1:2181", tick: 2 * time.Second, extended: true}, *server)

	var doctor *doctorOptions
	cmd = newDoctorCmd(testConsole(env), func(_ context.Context, o *doctorOptions) error {
		doctor = o
		return nil
	})
	require.NoError(t, parsed(t, cmd, "--quick", "--toxiproxy", "http://127.0.0.1:8474"))
	require.Equal(t, doctorOptions{servers: []string{"zk:1"}, toxiproxy: "http://127.0.0.1:8474", quick: true}, *doctor)

	var pause *pauseOptions
	cmd = newPauseCmd(testConsole(env), func(_ context.Context, o *pauseOptions) error {
		pause = o
		return nil
	})
	require.NoError(t, parsed(t, cmd, "--fast", "--lock", "all", "--scenario", "s1,late-release", "--scenario", "S7", "--repeat", "3"))
	require.Equal(t, []string{"redlock", "redis", "zookeeper"}, pause.run.Locks)
	require.Equal(t, []scenario.Case{scenario.CaseDuplicateJob, scenario.CaseLateRelease, scenario.CaseStuckWorker}, pause.run.Cases)
	require.Equal(t, scenario.FastTTL, pause.run.TTL)
	require.Equal(t, scenario.FastFor, pause.run.For)
	require.Equal(t, 3, pause.run.Repeat)
	require.Equal(t, []string{"zk:1"}, pause.run.Engine.Servers)
	require.Len(t, pause.run.Worker, 2)

	var contend *contendOptions
	contendCmd := func() *cobra.Command {
		return newContendCmd(testConsole(env), func(_ context.Context, o *contendOptions) error {
			contend = o
			return nil
		})
	}
	require.NoError(t, parsed(t, contendCmd(), "--workload", "inventory", "--workers", "1, 8,32", "--processes", "4", "--keys", "3", "--think", "2ms", "--for", "1m", "--strategies", "lock,cas"))
	require.Equal(t, scenario.ContendInventory, contend.run.Workload)
	require.Equal(t, [][]int{{1, 8, 32}, {4}, {3}}, [][]int{contend.run.Workers, contend.run.Processes, {contend.run.Keys}})
	require.Equal(t, []time.Duration{2 * time.Millisecond, time.Minute}, []time.Duration{contend.run.Think, contend.run.For})
	require.Equal(t, []string{"lock", "cas"}, contend.run.Strategies)
	require.Equal(t, []string{"zk:1"}, contend.run.Engine.Servers)
	require.NoError(t, parsed(t, contendCmd(), "--store", "postgres"), "the environment may name a ZooKeeper all the same")
	require.Equal(t, scenario.ContendPostgres, contend.run.Store)

	var limit *rateLimitOptions
	limitCmd := func() *cobra.Command {
		return newRateLimitCmd(testConsole(env), func(_ context.Context, o *rateLimitOptions) error {
			limit = o
			return nil
		})
	}
	require.NoError(t, parsed(t, limitCmd(), "--limit", "250/30s", "--users", "9", "--servers", "20", "--mode", "strict,lease", "--mode", "redis_rate", "--callers", "8"))
	require.EqualValues(t, 250, limit.run.Max)
	require.Equal(t, 30*time.Second, limit.run.Per)
	require.Equal(t, []int{9, 20, 8}, []int{limit.run.Users, limit.run.Servers, limit.run.Callers})
	require.Equal(t, []string{scenario.ModeStrict, scenario.ModeLease, scenario.ModeRedisRate}, limit.run.Modes)
	require.Equal(t, []string{"zk:1"}, limit.run.Engine.Servers)
	require.Len(t, limit.run.Worker, 2)
	require.NoError(t, parsed(t, limitCmd(), "--fast", "--mode", "all"))
	require.Equal(t, scenario.RateLimitModes(), limit.run.Modes)
	require.Equal(t, scenario.FastPer, limit.run.Per)
	require.NoError(t, parsed(t, limitCmd()))
	require.Equal(t, "100/1m", limit.limit.String())
	require.Equal(t, "7/1h", aLimit{7, time.Hour}.String())
	require.Equal(t, "7/1m30s", aLimit{7, 90 * time.Second}.String())

	var check *checkOptions
	cmd = newCheckCmd(testConsole(env), scenario.PartitionScenario, func(_ context.Context, o *checkOptions) error {
		check = o
		return nil
	})
	require.NoError(t, parsed(t, cmd, "out", "--quiet"))
	require.Equal(t, checkOptions{path: "out", quiet: true, color: colorAuto}, *check)
}

// A flag that is wrong leaves nothing run; the scripts have every line.
func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--for", "0"}, {"--session", "-1s"}, {"--kind", "x"}, {"--clients", "1"}, {"--servers", "a:b"}, {"--servers", ""}, {"--servers", "a,,b"},
		{"--servers", "a:0"}, {"--servers", "a:70000"}, {"--servers", "a b"}, {"--lock-path", ""}, {"--lock-path", "/a/"}, {"--lock-path", "/a//b"},
		{"--lock-path", "/a\x00"}, {"--lock-path", "/./a"}, {"--lock-path", "/\xff"}, {"--tick", "0"}, {"--tick", "1500us"}, {"--seed", "-1"}, {"--report", ""},
		{"--json=maybe"}, {"--x"}, {"-x"}, {"extra"}, {"--"}, {"extra", "--", "x"}, {"--resource", "plain"}, {"--session", "3s", "--", "x"}, {"--recipe", "zklock", "--", "x"},
	} {
		cmd := newPartitionCmd(testConsole(nil), func(context.Context, *partitionOptions) error {
			t.Fatalf("%q was run", args)
			return nil
		})
		err := parsed(t, cmd, args...)
		require.Equal(t, exitUsage, exitCode(err), "%q: %v", args, err)
		require.NotContains(t, message(err), "\n")
	}
}

func TestWrongPauseFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--for", "0"}, {"--ttl", "x"}, {"--lock", "etcd"}, {"--scenario", "S8"}, {"--scenario", ""}, {"--repeat", "0"}, {"--parallel", "0"}, {"--redis", "x"}, {"--resource", "x"},
		{"--fast", "--ttl", "1s"}, {"--fast", "--for", "1s"}, {"--servers", "zk:1"}, {"--engine", "local"}, {"--lock", "zookeeper", "--redis", "local"}, {"--report", ""}, {"extra"},
	} {
		cmd := newPauseCmd(testConsole(nil), func(context.Context, *pauseOptions) error {
			t.Fatalf("%q was run", args)
			return nil
		})
		err := parsed(t, cmd, args...)
		require.Equal(t, exitUsage, exitCode(err), "%q: %v", args, err)
		require.NotContains(t, message(err), "\n")
	}
}

func TestWrongContendFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--workload", "x"}, {"--workers", "0"}, {"--workers", ""}, {"--workers", "1,"}, {"--processes", "-1"}, {"--keys", "0"}, {"--think", "x"}, {"--for", "0"}, {"--store", "x"},
		{"--store", "postgres", "--engine", "local"}, {"--store", "postgres", "--servers", "zk:1"}, {"--servers", "a:b"}, {"--report", ""}, {"extra"},
	} {
		cmd := newContendCmd(testConsole(nil), func(context.Context, *contendOptions) error {
			t.Fatalf("%q was run", args)
			return nil
		})
		err := parsed(t, cmd, args...)
		require.Equal(t, exitUsage, exitCode(err), "%q: %v", args, err)
		require.NotContains(t, message(err), "\n")
	}
}

func TestWrongRateLimitFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--limit", "x"}, {"--limit", "1/x"}, {"--limit", "/1m"}, {"--limit", "100/"}, {"--limit", "1.5/1m"}, {"--servers", "zk:1"}, {"--users", "x"}, {"--mode", ""}, {"--mode", "x"},
		{"--for", "0"}, {"--callers", "0"}, {"--redis", "x"}, {"--engine", "x"}, {"--zookeeper", "a:b"}, {"--fast", "--limit", "1/1s"}, {"--report", ""}, {"extra"},
	} {
		cmd := newRateLimitCmd(testConsole(nil), func(context.Context, *rateLimitOptions) error {
			t.Fatalf("%q was run", args)
			return nil
		})
		err := parsed(t, cmd, args...)
		require.Equal(t, exitUsage, exitCode(err), "%q: %v", args, err)
		require.NotContains(t, message(err), "\n")
	}
}

func TestAnAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:2181": "127.0.0.1:2181", "localhost": "localhost:2181", "0.0.0.0:0": "0.0.0.0:0", "[::1]:2": "[::1]:2", "::1": "[::1]:2181", "[::1]": "[::1]:2181",
	} {
		got, err := anAddress(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", ":2181", "a:b", "a:-1", "a:65536", "a/b:1", "a b:1", "1:2:3", "[]:1", "[]"} {
		_, err := anAddress(text)
		require.Error(t, err, text)
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"partition", "doctor", "bench", "for", "session"}
	for name, want := range map[string]string{
		"partitoin": "did you mean --partition?", "part": "did you mean --partition?", "Doctr": "did you mean --doctor?", "fro": "did you mean --for?",
		"sessions": "did you mean --session?", "xyzzy": "no idea", "": "no idea", "zzzzzzzzzzzz": "no idea",
	} {
		require.Equal(t, want, didYouMean(name, "--", names, "no idea"), name)
	}
	require.Equal(t, 0, distance("abc", "abc"))
	require.Equal(t, 1, distance("abc", "acb"))
	require.Equal(t, 3, distance("", "abc"))
}
