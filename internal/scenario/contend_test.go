package scenario

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// All of it, on a server in memory: each cell has its figures, the records hold what the workers were told, and the texts say what the figures do.
func TestContend(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	strategies := []string{contendLock, contendCAS, contendBackoff, contendAdaptive, contendCombining}
	cfg := ContendConfig{Workers: []int{3, 1}, Processes: []int{1, 2}, For: 4 * time.Second, Engine: EngineConfig{Kind: EngineEmbedded}, Strategies: strategies}
	cfg.Workload, cfg.Keys = ContendProfiles, 50
	r, err := RunContend(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, Safe, r.Verdict, "%v", r.Checks)
	requireContended(t, r, ContendProfiles, strategies, "1", "3", "3x1")
	require.Contains(t, ContendText(r, Style{}), "profiles: 50 records")

	cfg.Workload, cfg.Keys = ContendInventory, 0
	r, err = RunContend(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, Safe, r.Verdict, "%v", r.Checks)
	requireContended(t, r, ContendInventory, strategies, "1", "3", "3x1")
	require.Greater(t, r.Figures["inventory_combining_3x1_combined"], 1.5, "they share writes")
	require.Equal(t, 1.0, r.Figures["inventory_adaptive_3_combined"], "they do not")
	require.Contains(t, r.Figures, "inventory_adaptive_vs_better_3_ratio")
	require.Contains(t, r.Figures, "inventory_combining_vs_lock_3x1_ratio")
	require.InDelta(t, 1, r.Figures["inventory_lock_1_attempts"], 0)

	text := ContendText(r, Style{})
	for _, want := range []string{"zktest", "inventory: 1 stock", "updates per second, over workers", "\nso  "} {
		require.Contains(t, text, want)
	}
	require.Contains(t, strings.Join(strings.Fields(text), " "), " Take ")
	var page bytes.Buffer
	require.NoError(t, WriteContendHTML(&page, r))
	for _, want := range []string{"Attempts for an update, beside the model", "<polyline", "SAFE", "inventory_lock_3_per_s"} {
		require.Contains(t, strings.ReplaceAll(page.String(), "safe", "SAFE"), want)
	}
	other := r
	other.Scenario = "bench-lock"
	require.ErrorIs(t, WriteContendHTML(&page, other), ErrNotReport)
}

func requireContended(t *testing.T, r Report, workload string, strategies []string, sizes ...string) {
	t.Helper()
	for _, size := range sizes {
		for _, s := range strategies {
			if strings.Contains(size, "x") && s != contendLock && s != contendCombining {
				continue
			}
			for _, suffix := range []string{contendPerS, contendP50, contendP99, contendTries, contendFair, contendServerOps, contendShared} {
				require.Positive(t, r.Figures[workload+"_"+s+"_"+size+suffix], "%s_%s_%s%s", workload, s, size, suffix)
			}
		}
	}
	for _, name := range []string{"lost_updates", "doubled_updates", "oversold", "unknown_updates"} {
		require.Contains(t, r.Figures, name)
		require.Zero(t, r.Figures[name], name)
	}
}

// The control: where nothing keeps others off, updates are lost, and the audit says so.
func TestContendBlind(t *testing.T) {
	r, err := RunContend(t.Context(), ContendConfig{
		Workload: ContendInventory, Workers: []int{8}, For: 2 * time.Second, Engine: EngineConfig{Kind: EngineEmbedded}, Strategies: []string{contendBlind},
	})
	require.NoError(t, err)
	require.Equal(t, Violated, r.Verdict, "%v", r.Figures)
	require.Equal(t, 1, r.Exit)
	require.Positive(t, r.Figures["lost_updates"]+r.Figures["doubled_updates"], "a stock that two fill up at once is short of one filling")
	require.Contains(t, r.Reasons[0], " in inventory_blind_8")
}

// On a real PostgreSQL, with its own strategies, and the control.
func TestContendOnPostgres(t *testing.T) {
	pg := stores.RunPostgres(t, stores.PostgresConfig{Settings: map[string]string{"max_connections": "300", "fsync": "off"}})
	strategies := []string{contendLock, contendAdaptive, contendCombining, contendForUpdate, contendConditional}
	cfg := ContendConfig{Store: ContendPostgres, Postgres: pg.DSN(), Workers: []int{4}, Processes: []int{4, 2}, For: 6 * time.Second, Strategies: strategies}
	cfg.Workload, cfg.Keys = ContendProfiles, 50
	r, err := RunContend(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, Safe, r.Verdict, "%v", r.Checks)
	requireContended(t, r, ContendProfiles, strategies, "4", "4x2")
	cfg.Workload, cfg.Keys = ContendInventory, 0
	r, err = RunContend(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, Safe, r.Verdict, "%v", r.Checks)
	requireContended(t, r, ContendInventory, strategies, "4", "4x2")
	require.InDelta(t, 1, r.Figures["inventory_conditional_4_server_ops"], 0.01)
	require.Contains(t, ContendText(r, Style{}), "PostgreSQL")

	// Of two that seem to have been killed one goes on.
	db, err := sql.Open("pgx", pg.DSN())
	require.NoError(t, err)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	for _, statement := range []string{
		"CREATE TABLE zkkit_contend_0000000000000001_rows ()", "CREATE TABLE zkkit_contend_0000000000000001_nodes ()", "CREATE TABLE zkkit_contend_0000000000000002_nodes ()",
		"SELECT pg_advisory_lock(hashtextextended('zkkit_contend_0000000000000002', 0))",
	} {
		_, err := conn.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}

	r, err = RunContend(t.Context(), ContendConfig{
		Store: ContendPostgres, Postgres: pg.DSN(), Workload: ContendInventory, Workers: []int{8}, For: 2 * time.Second, Strategies: []string{contendBlind},
	})
	require.NoError(t, err)
	require.Equal(t, Violated, r.Verdict)

	roots, err := contendRoots(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, []string{"zkkit_contend_0000000000000002"}, roots)
}

// On a server that goes on, nothing is left of a run, nor of one before that was killed; one that goes on is left alone.
func TestContendLeavesNothing(t *testing.T) {
	zk := zktest.RunT(t)
	c, err := session.Open(t.Context(), session.Config{Servers: []string{zk.Addr()}})
	require.NoError(t, err)
	defer c.Close()
	s, err := c.Session(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.EnsureContainers(t.Context(), contendNodes+"killed/profiles-cas/1", nil))
	require.NoError(t, s.EnsureContainers(t.Context(), contendNodes+"goes-on/profiles-cas/1", nil))
	_, err = s.Create(t.Context(), contendNodes+"goes-on/"+contendAlive, nil, session.Ephemeral, nil)
	require.NoError(t, err)
	r, err := RunContend(t.Context(), ContendConfig{
		Workload: ContendInventory, Workers: []int{2}, For: time.Second, Engine: EngineConfig{Kind: EngineConnect, Servers: []string{zk.Addr()}}, Strategies: []string{contendCAS},
	})
	require.NoError(t, err)
	require.Equal(t, Safe, r.Verdict)
	names, _, err := s.Children(t.Context(), "/")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"zookeeper", strings.TrimPrefix(contendNodes, "/") + "goes-on"}, names)
}

// Curator's counter is a peer where it is installed, and counts one write twice whose reply is lost.
func TestContendBesideCurator(t *testing.T) {
	_, _, missing := findCurator()
	_, err := ensemble.Find()
	if missing = errors.Join(missing, err); missing != nil {
		if words := os.Getenv("ZKKIT_REQUIRE"); strings.Contains(words, "curator") && strings.Contains(words, "local") {
			require.NoError(t, missing)
		}
		t.Skipf("%v; ZKKIT_REQUIRE=local,curator makes this a failure", missing)
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r, err := RunContend(t.Context(), ContendConfig{
		Workload: ContendInventory, Workers: []int{4}, Processes: []int{2}, For: 3 * time.Second, Engine: EngineConfig{Kind: EngineLocal}, Strategies: []string{contendLock, contendCombining, contendCurator},
	})
	require.NoError(t, err)
	require.Equal(t, Safe, r.Verdict, "%v", r.Checks)
	require.Positive(t, r.Figures["inventory_curator_4_per_s"])
	require.Positive(t, r.Figures["inventory_combining_vs_curator_4_ratio"])
	require.Equal(t, 1.0, r.Figures["curator_lost_reply_doubled"], "if this is 0, Curator has been repaired: say so in the documents")
	require.Contains(t, strings.Join(strings.Fields(ContendText(r, Style{})), " "), "Curator's counter counted twice")
}

// What is compared is what records hold in the end, and what workers were told.
func TestContendAudit(t *testing.T) {
	inventory, profiles := contendJob{Workload: ContendInventory}, contendJob{Workload: ContendProfiles}
	for name, c := range map[string]struct {
		job                     contendJob
		space                   contendSpace
		sum, lowest             int64
		lost, doubled, oversold int64
	}{
		"right":                          {job: profiles, space: contendSpace{effect: 100}, sum: 100},
		"one is missing":                 {job: profiles, space: contendSpace{effect: 100}, sum: 99, lost: 1},
		"one is there twice":             {job: profiles, space: contendSpace{effect: 100}, sum: 101, doubled: 1},
		"nobody knows of one":            {job: profiles, space: contendSpace{effect: 100, unknown: 1}, sum: 101},
		"nor of one of two":              {job: profiles, space: contendSpace{effect: 100, unknown: 1}, sum: 102, doubled: 1},
		"a stock is right":               {job: inventory, space: contendSpace{initial: 1000, effect: -10}, sum: 990},
		"a unit was given to two":        {job: inventory, space: contendSpace{initial: 1000, effect: -10}, sum: 991, lost: 1},
		"one reservation took two units": {job: inventory, space: contendSpace{initial: 1000, effect: -10}, sum: 989, doubled: 1},
		"below 0":                        {job: inventory, space: contendSpace{initial: 10, effect: -12}, sum: -2, lowest: -2, oversold: 2},
	} {
		t.Run(name, func(t *testing.T) {
			tally := &contendTally{lowest: c.lowest}
			tally.audit(&c.space, c.sum, c.job)
			require.Equal(t, []int64{c.lost, c.doubled, c.oversold}, []int64{tally.lost, tally.doubled, tally.oversold})
			verdict, _ := Conclude(contendChecks([]*contendTally{tally}))
			require.Equal(t, c.lost+c.doubled+c.oversold > 0, verdict == Violated)
			// The next cell of these records answers for its own only.
			next := &contendTally{}
			next.audit(&c.space, c.sum, c.job)
			require.Zero(t, next.lost+next.doubled)
		})
	}
	verdict, _ := Conclude(contendChecks([]*contendTally{{rates: slices.Repeat([]float64{1}, contendRounds)}}))
	require.Equal(t, Safe, verdict)
	verdict, _ = Conclude(contendChecks([]*contendTally{{rates: slices.Repeat([]float64{1}, contendRounds), unknown: 1}}))
	require.Equal(t, Inconclusive, verdict)
	verdict, _ = Conclude(contendChecks([]*contendTally{{rates: []float64{1, 1, 0, 1, 1}}}))
	require.Equal(t, Inconclusive, verdict, "in one round nothing was done")
}

func TestContendUsage(t *testing.T) {
	for want, cfg := range map[string]ContendConfig{
		"--workers 0":                        {Workers: []int{0}},
		"--workers 1001":                     {Workers: []int{8, 1001}},
		"--processes 65":                     {Processes: []int{65}},
		`unknown workload "x"`:               {Workload: "x"},
		`unknown store "x"`:                  {Store: "x"},
		"--keys is of one workload":          {Keys: 3},
		"--keys 100001":                      {Keys: 100_001, Workload: ContendProfiles},
		"--think 2s: at most 1s":             {Think: 2 * time.Second},
		`unknown strategy "conditional" for`: {Strategies: []string{contendConditional}},
		"strategy curator has no place for":  {Strategies: []string{contendCurator}, Think: time.Millisecond},
		"strategy lock is named twice":       {Strategies: []string{contendLock, contendLock}},
		"is too short for 2 measurements":    {Strategies: []string{contendLock}, Workers: []int{128}, Processes: []int{16}, For: time.Second},
	} {
		_, err := RunContend(t.Context(), cfg)
		var wrong *UsageError
		require.ErrorAs(t, err, &wrong, want)
		require.ErrorContains(t, err, want)
	}
	_, err := RunContend(t.Context(), ContendConfig{Store: ContendPostgres, Postgres: "postgres://127.0.0.1:1/none?connect_timeout=1"})
	var env *EnvironmentError
	require.ErrorAs(t, err, &env)
}

func TestContendCells(t *testing.T) {
	cells := contendCells([]string{ContendProfiles, ContendInventory}, append(contendStrategies(ContendZooKeeper), contendCurator), []int{1, 32}, []int{16, 4})
	var names []string
	for _, c := range cells {
		names = append(names, c.name())
		total := 0
		for p := range 16 {
			n, first := c.share(p)
			if n > 0 {
				require.Equal(t, total, first)
			}
			total += n
		}
		require.Equal(t, c.Workers, total, "each worker is in one process")
	}
	require.Len(t, names, 5+7+6+8)
	require.Contains(t, names, "inventory_combining_32x4")
	require.NotContains(t, names, "profiles_curator_1", "it has counters only")
	require.NotContains(t, names, "inventory_cas_32x4")
}

// The model is the limit of what it says: an update among W writers succeeds if none of the others writes within its time.
func TestContendModel(t *testing.T) {
	require.Equal(t, 1.0, contendAttempts(1))
	for _, w := range []int{2, 8, 32, 128, 1000} {
		p := 1 / contendAttempts(w)
		require.InDelta(t, math.Exp(-float64(w-1)*p), p, 1e-9)
	}
	require.InDelta(t, 0.0952, contendConflict(10, 0.01), 1e-4)
}

// The lock overtakes where the lines cross, if it has in every round.
func TestContendCrossover(t *testing.T) {
	tally := func(strategy string, workers int, rates ...float64) *contendTally {
		return &contendTally{cell: contendCell{Workload: ContendInventory, Strategy: strategy, Workers: workers, Main: true}, rates: rates, measured: 1}
	}
	tallies := []*contendTally{
		tally(contendLock, 1, 100, 100, 100), tally(contendCAS, 1, 400, 400, 400),
		tally(contendLock, 16, 100, 100, 100), tally(contendCAS, 16, 50, 50, 50),
		tally(contendLock, 64, 100, 100, 100), tally(contendCAS, 64, 20, 20, 20),
	}
	f := contendFigures(tallies)
	require.InDelta(t, math.Exp(math.Log(16)*2/3), f["inventory_crossover_throughput_w"], 1e-3)
	require.Equal(t, 0.5, 1/f["inventory_cas_vs_lock_16_ratio"]/4)
	tallies[5].rates[1] = 101
	require.NotContains(t, contendFigures(tallies), "inventory_crossover_throughput_w", "in one round it has not")
}

// What is recommended follows from the figures.
func TestContendWords(t *testing.T) {
	view := func(rates, p99 map[string]float64) contendView {
		v := contendView{report: Report{Scenario: ContendScenario, Figures: map[string]float64{}}}
		v.params.Workers = []int{1, 8}
		for s, rate := range rates {
			c := contendCell{Workload: ContendInventory, Strategy: s, Workers: 8, Processes: 8, Main: true}
			v.params.Cells = append(v.params.Cells, c)
			v.report.Figures[c.name()+contendPerS], v.report.Figures[c.name()+contendP99], v.report.Figures[c.name()+contendTries] = rate, p99[s], 4
			v.report.Figures[fmt.Sprintf("inventory_%s_vs_lock_8_ratio", s)] = rate / rates[contendLock]
		}
		return v
	}
	alike := map[string]float64{contendLock: 10, contendCAS: 10, contendBackoff: 10, contendConditional: 10}
	v := view(map[string]float64{contendLock: 100, contendCAS: 50, contendBackoff: 150}, alike)
	require.Contains(t, v.advice(ContendInventory), "Take backoff (150 a second, p99 10ms).")
	v = view(map[string]float64{contendLock: 100, contendCAS: 50, contendBackoff: 150}, map[string]float64{contendLock: 10, contendCAS: 10, contendBackoff: 16})
	require.Contains(t, v.advice(ContendInventory), "Take lock (", "those that are served late are not served well")
	v = view(map[string]float64{contendLock: 100, contendCAS: 150, contendConditional: 500}, alike)
	require.Contains(t, v.advice(ContendInventory), "Take conditional (500 a second, p99 10ms) if the change is one statement, and else cas (")
	v = view(map[string]float64{contendLock: 100, contendCAS: 150, contendConditional: 160}, alike)
	require.Contains(t, v.advice(ContendInventory), "Take cas (150")
	require.Empty(t, view(map[string]float64{contendCAS: 1}, alike).advice(ContendInventory), "there is nothing to compare it with")
}

// What a process and the experiment say to each other survives the way.
func TestContendWire(t *testing.T) {
	w := contendWindow{Commits: 1, Measured: 2, Times: contendTimes{}, Each: []int64{2}, Effect: -3, Unknown: 1, Lowest: -1}
	w.Times.add(time.Millisecond)
	raw, err := json.Marshal(w)
	require.NoError(t, err)
	var got contendWindow
	require.NoError(t, json.Unmarshal(raw, &got))
	require.Equal(t, w, got)
	got.add(w)
	require.EqualValues(t, []int64{2, 4, -6, 2, -1}, []int64{got.Commits, got.Measured, got.Effect, got.Unknown, got.Lowest})
	require.InEpsilon(t, 1, got.Times.quantile(0.99), 0.02)

	err = RunContendWorker(t.Context(), strings.NewReader("hello\n"), &bytes.Buffer{})
	require.ErrorContains(t, err, "is started by zkctl contend")
}

func TestCuratorAnswers(t *testing.T) {
	w, err := parseCurator("done 5 4 9 6 2 2 1000 1000 2000 3000", 2)
	require.NoError(t, err)
	require.Equal(t, []int64{5, 4, 9, 6}, []int64{w.Commits, w.Measured, w.Attempts, w.Updates})
	require.Equal(t, []int64{2, 2}, w.Each)
	for _, line := range []string{"", "failed x", "done 1 2", "done a b c d e f g"} {
		_, err := parseCurator(line, 2)
		require.Error(t, err, line)
	}
}
