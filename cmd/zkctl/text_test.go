package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

func TestPlanText(t *testing.T) {
	e := scenario.Evidence{
		Engine: scenario.Engine{Kind: scenario.EngineConnect, Version: "3.9.2"},
		Parameters: scenario.Parameters{
			SessionRequested: scenario.Millis(2 * time.Second), SessionNegotiated: scenario.Millis(4 * time.Second), For: scenario.Millis(3 * time.Second),
			Kind: scenario.KindDrop, Direction: scenario.DirectionBoth, Recipe: scenario.RecipeZklock, Clients: 2, LockPath: "/locks/orders", Seed: 7,
		},
		Predicted: scenario.Predict(scenario.Parameters{Kind: scenario.KindDrop, Direction: scenario.DirectionBoth, SessionNegotiated: scenario.Millis(4 * time.Second)}),
	}
	why := "the server gave a session of 4s instead of 2s; a cut of 3s cannot expire a session of 4s: cut for more than 6s (--for session+3s)"
	require.Equal(t, `engine    connect, ZooKeeper 3.9.2
lock      zklock at /locks/orders, wanted by 2 clients
session   2s asked for, 4s given; the server does not say its tick, so half of the session is taken
fault     holder <-> ZooKeeper: drop, both, for 3s; holder <-> resource: jam
expected  the server deletes the holder's node at +2.667s..+6.000s after the cut
seed      7: --seed cuts again at this moment between two renewals
plan      THIS RUN CAN PROVE NOTHING: the server gave a session of 4s instead of 2s; a cut of 3s
          cannot expire a session of 4s: cut for more than 6s (--for session+3s)

`, planText(e, why, scenario.Style{}))

	e.Parameters.Kind = scenario.KindNone
	text := planText(e, "", scenario.Style{})
	require.Contains(t, text, "fault     none, for 3s: nothing is cut, and so nothing may happen: the control\n")
	require.Contains(t, text, "plan      OK: ")
	require.NotContains(t, text, "expected")
}

func TestTable(t *testing.T) {
	table := newTable(scenario.Style{Width: 60}, 6)
	table.row("one", "")
	table.row("two", strings.Repeat("word ", 12))
	table.row("a long name", "text")
	require.Equal(t, "one\ntwo   "+strings.Repeat("word ", 10)+"word\n      word\na long name text\n", table.String())
}

func TestStyleFor(t *testing.T) {
	for _, env := range []map[string]string{nil, {"NO_COLOR": "1"}} {
		c := testConsole(env)
		require.False(t, styleFor(c, colorAuto).Color, "not a terminal")
		require.True(t, styleFor(c, colorAlways).Color)
		require.False(t, styleFor(c, colorNever).Color)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	_, terminal := columns(null)
	require.False(t, terminal, "a device, but no terminal")
}

func TestBenchText(t *testing.T) {
	o := &benchLockOptions{run: scenario.BenchLockConfig{Clients: 8, For: 10 * time.Second}}
	r := scenario.Report{
		Engine: scenario.Engine{Kind: scenario.EngineLocal, Version: "3.8.0"}, Verdict: scenario.Safe,
		Figures: map[string]float64{
			"uncontended_per_s": 990.4, "gozk_uncontended_per_s": 1000, "floor_uncontended_per_s": 1010.6,
			"uncontended_vs_gozk_ratio": 0.99, "uncontended_vs_floor_ratio": 0.98, "uncontended_samples": 374,
		},
	}
	require.Equal(t, `local, ZooKeeper 3.8.0, 8 clients, 10s in all

                                       zklock go-zookeeper    floor   zklock against
                                        per s        per s    per s   go-zookeeper  floor   samples
uncontended: taken and given back         990         1000     1011          0.99x  0.98x       374
contended: handed over                      -            -        -              -      -         -

floor     the bare znode operations: create, list and delete; for a hand-over, the commit of a
          delete and one notification
ratios    above 1: zklock is faster

VERDICT  SAFE (exit 0)
`, benchText(r, o, scenario.Style{}))
}

func TestBenchServerText(t *testing.T) {
	o := &benchServerOptions{run: scenario.BenchServerConfig{Clients: 8, For: 10 * time.Second}}
	r := scenario.Report{
		Engine: scenario.Engine{Kind: scenario.EngineEmbedded, Version: "3.8.0-zktest"}, Verdict: scenario.Safe,
		Parameters: []byte(`{"real": {"kind": "local", "version": "3.9.2"}}`),
		Figures:    map[string]float64{"zktest_writes_per_s": 55605.4, "real_writes_per_s": 4782, "zktest_vs_real_ratio": 11.18, "writes_samples": 22},
	}
	require.Equal(t, `zktest 3.8.0-zktest next to a real ZooKeeper, clients: 8, 10s in all

                                     writes per s  zktest against it
zktest, in memory                           55605
ZooKeeper 3.9.2, as it comes                 4782             11.18x
the same without fsync                          -                  -

writes    create, set and delete of a small node, one after the other on each connection, over TCP
ratios    above 1: zktest is faster; the median of 22 turns

VERDICT  SAFE (exit 0)
`, benchServerText(r, o, scenario.Style{}))
}

func TestBenchFenceText(t *testing.T) {
	o := &benchFenceOptions{run: scenario.BenchFenceConfig{Clients: 8, For: 20 * time.Second}}
	r := scenario.Report{
		Verdict:    scenario.Safe,
		Parameters: []byte(`{"stores": {"zookeeper": "local, ZooKeeper 3.8.0", "postgres": "PostgreSQL 15.18, a local process"}, "missing": {"redis": "no Redis found"}}`),
		Figures: map[string]float64{
			"zookeeper_plain_writes_per_s": 12109, "zookeeper_fenced_writes_per_s": 11530.5, "zookeeper_fenced_vs_plain_ratio": 1.047, "zookeeper_samples": 48,
			"redis_plain_writes_per_s": 1, // It is not shown, as there was none.
		},
	}
	require.Equal(t, `what a fence costs, clients: 8, 20s in all

                                           plain       fenced          fenced
                                    writes per s writes per s   against plain  samples
PostgreSQL, one statement                      -            -               -        -
  without waiting for the disk                 -            -               -        -
  one statement in a transaction               -            -               -        -
ZooKeeper, one set                         12109        11530           1.05x       48

on        PostgreSQL 15.18, a local process
on        local, ZooKeeper 3.8.0
not       redis: no Redis found
ratios    time for a write: 1.10 says that the fenced one takes a tenth longer; the median of the
          turns

VERDICT  SAFE (exit 0)
`, benchFenceText(r, o, scenario.Style{}))
}

func TestCutAt(t *testing.T) {
	yes := func() error { return nil }
	no := func() error { return errors.New("impossible") }
	all := map[string]bool{"local": true, "docker": true, "embedded": true}
	for _, c := range []struct {
		where         scenario.Where
		works         map[string]bool
		link, isolate func() error
		want          string
	}{
		{scenario.WhereHolder, all, no, no, "local docker embedded"},
		{scenario.WhereHolder, map[string]bool{"connect": true}, no, no, "connect"},
		{scenario.WhereFollower, all, yes, no, "local docker"},
		{scenario.WhereMinority, all, no, yes, "docker"},
		{scenario.WhereLeader, all, no, yes, "local docker"},
		{scenario.WhereLeader, all, yes, no, "docker"},
		{scenario.WhereLeader, map[string]bool{"embedded": true, "connect": true}, yes, yes, ""},
	} {
		s := cutAt(c.where, c.works, c.link, c.isolate)
		require.Equal(t, c.want, strings.Join(s.Engines, " "), c.where)
		require.Equal(t, c.want != "", s.Possible)
		require.NotEmpty(t, s.About)
	}
}

func TestDoctorText(t *testing.T) {
	text := doctorText(diagnosis{
		Engines: []engineState{{Kind: "local", Status: statusFound, Version: "3.8.0", Home: "/opt/zk", Java: "/bin/java", Detail: "not started"}},
		Stores:  []storeState{{Name: "redis", Status: statusMissing, Kind: "embedded", Detail: "no Redis found: get one"}},
		Cuts: []cutState{
			cutAt(scenario.WhereFollower, map[string]bool{"local": true}, func() error { return nil }, nil),
			cutAt(scenario.WhereLeader, map[string]bool{"local": true}, nil, func() error { return errors.New("no network namespaces: be root") }),
		},
		Faults:    faults(),
		Toxiproxy: toxiproxyState{BuiltIn: "v2.12.0", URL: "http://tp:8474", Reachable: true, Caveats: []string{"Nothing counts.", "A port is free."}},
		Lacking:   lacking(),
	}, scenario.Style{})
	require.Contains(t, text, "  local      found      ZooKeeper 3.8.0 in /opt/zk, Java at /bin/java; not started\n")
	require.Contains(t, text, "  redis      missing    no Redis found: get one\n")
	require.Contains(t, text, `
  follower   yes        the holder's server, a follower, from its leader; the holder still talks to
                        it
                        --engine local: on the links between the servers
                        not with --engine docker: no Docker engine answers
  leader     no         the holder's server, the leader, from its followers; the holder still talks
                        to it
                        not with --engine local: no network namespaces: be root
                        not with --engine docker: no Docker engine answers
`)
	require.Contains(t, text, "  gate       no         a drop and a jam are what the stock toxics make of them\n")
	require.Contains(t, text, "  caveats               Nothing counts.\n                        A port is free.\n")
	require.Contains(t, text, "  none                  "+aboutNone+"\n")
	require.Contains(t, text, "Not ready: ")
	require.Contains(t, text, "It works with: zkctl partition --for 3s --engine local\n")
}
