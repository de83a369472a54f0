package scenario_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

// pauses is where the evidences of pauses are, by the rules of testdata.
const pauses = testdata + "/pause"

func loadPause(t testing.TB, name string) scenario.PauseEvidence {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(pauses, name+".json"))
	require.NoError(t, err)
	var e scenario.PauseEvidence
	require.NoError(t, json.Unmarshal(content, &e), name)
	return e
}

func namedPauses(t testing.TB, prefix string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pauses, prefix+"*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(p), ".json")
	}
	return paths
}

func TestJudgePauseGood(t *testing.T) {
	for _, name := range namedPauses(t, "ok-") {
		t.Run(name, func(t *testing.T) {
			r := scenario.Judge(loadPause(t, name))
			require.Empty(t, failed(r), "%+v", r.Reasons)
			require.Equal(t, scenario.Safe, r.Verdict)
			for _, c := range r.Checks {
				require.NotEmpty(t, c.Name)
				require.NotEmpty(t, c.Want)
				require.NotEmpty(t, c.Got)
				require.NotEmpty(t, c.Kind)
			}
		})
	}
}

// Every check of a pause has a record that fails it and no other.
func TestJudgePauseBad(t *testing.T) {
	failing := map[string]bool{}
	for _, name := range namedPauses(t, "bad-") {
		t.Run(name, func(t *testing.T) {
			check, _, _ := strings.Cut(strings.TrimPrefix(name, "bad-"), "--")
			r := scenario.Judge(loadPause(t, name))
			require.Equal(t, []string{check}, failed(r), "%+v", r.Checks)
			i := slices.IndexFunc(r.Checks, func(c scenario.Check) bool { return c.Name == check })
			want := map[scenario.CheckKind]scenario.Verdict{
				scenario.OfSafety: scenario.Violated, scenario.OfEvidence: scenario.Inconclusive, scenario.OfLiveness: scenario.Stalled,
			}[r.Checks[i].Kind]
			require.Equal(t, want, r.Verdict)
			require.Equal(t, want.Exit(), r.Exit)
			require.Equal(t, []string{r.Checks[i].Got}, r.Reasons)
			failing[check] = true
		})
	}
	for _, name := range slices.Concat(namedPauses(t, "ok-"), namedPauses(t, "bad-")) {
		for _, c := range scenario.Judge(loadPause(t, name)).Checks {
			require.True(t, failing[c.Name], "no evidence in %s makes %s fail", pauses, c.Name)
		}
	}
}

// pauseOptional reports whether a run can be judged safe without this event: it explains, or others say the same.
func pauseOptional(e scenario.PauseEvidence, ev scenario.Event) bool {
	trial := e.Parameters.Plan[(ev.Run-1)%len(e.Parameters.Plan)]
	late := trial.Case == scenario.CaseLateRelease
	switch ev.What {
	case scenario.Denied:
		return trial.Way != scenario.WayRenewed
	case scenario.Note, scenario.Replayed, scenario.LetGo, scenario.Skipped, scenario.Waiting, scenario.ChargeSent:
		return true
	case scenario.Asked:
		return !late || ev.Who != scenario.WhoC
	case scenario.Released:
		return !late || ev.Who != scenario.WhoA
	case scenario.Checked:
		return ev.Who != scenario.WhoA || ev.AtMs > 0
	}
	// Who comes to the lock when all is over, and finds the job done, matters to nobody: A in S4, B in S7, C in S3.
	latecomer := map[scenario.Case]string{scenario.CaseSlowAcquire: scenario.WhoA, scenario.CaseStuckWorker: scenario.WhoB, scenario.CaseLateRelease: scenario.WhoC}[trial.Case]
	return ev.Who == latecomer && ev.What == scenario.Acquired && slices.ContainsFunc(e.Events, func(o scenario.Event) bool {
		return o.Run == ev.Run && o.Who == ev.Who && o.What == scenario.Skipped
	})
}

// Without any one event that the verdict needs, a pause is not safe.
func TestJudgePauseEveryEventCounts(t *testing.T) {
	for _, name := range namedPauses(t, "ok-") {
		t.Run(name, func(t *testing.T) {
			e := loadPause(t, name)
			for i, ev := range e.Events {
				if pauseOptional(e, ev) {
					continue
				}
				rest := e
				rest.Events = slices.Delete(slices.Clone(e.Events), i, i+1)
				require.NotEqual(t, scenario.Safe, scenario.Judge(rest).Verdict, "without event %d: %+v", i, ev)
			}
		})
	}
}

// A proven violation is not set aside because a control did not go wrong.
func TestJudgePauseViolatedDespiteMissingEvidence(t *testing.T) {
	e := loadPause(t, "bad-no-stale-write-accepted")
	e.Events = slices.DeleteFunc(e.Events, func(ev scenario.Event) bool {
		return ev.What == scenario.Frozen || ev.What == scenario.Balance
	})
	r := scenario.Judge(e)
	require.Greater(t, len(failed(r)), 2)
	require.Equal(t, scenario.Violated, r.Verdict)
}

// Whatever is missing, judging and drawing never panics, and a run that is safe shows no failed check.
func TestJudgePauseAnySubset(t *testing.T) {
	for _, name := range namedPauses(t, "ok-") {
		t.Run(name, func(t *testing.T) {
			full := loadPause(t, name)
			random := rand.New(rand.NewPCG(1, uint64(len(full.Events))))
			for i := range 40 {
				e := full
				e.Events = nil
				keep := random.Float64()
				for _, ev := range full.Events {
					if random.Float64() < keep {
						e.Events = append(e.Events, ev)
					}
				}
				random.Shuffle(len(e.Events), func(i, j int) { e.Events[i], e.Events[j] = e.Events[j], e.Events[i] })
				checkAnyPause(t, e, i%10 == 0)
			}
		})
	}
}

// checkAnyPause holds for every evidence, however odd.
func checkAnyPause(t testing.TB, e scenario.PauseEvidence, page bool) {
	t.Helper()
	r := scenario.Judge(e)
	if r.Verdict == scenario.Safe {
		require.Empty(t, failed(r))
	} else {
		require.NotEmpty(t, failed(r))
		require.NotEmpty(t, r.Reasons)
	}
	require.Equal(t, r, scenario.Judge(e), "the same evidence gives the same result")
	report := scenario.NewReport(e, r)
	_, err := json.Marshal(report)
	require.NoError(t, err)
	scenario.Lanes(e, scenario.Style{})
	scenario.WalkthroughText(e, scenario.Style{})
	scenario.PauseTable(e, scenario.Style{Width: 60})
	for _, run := range []int{-1, 0, 1, 2} {
		scenario.PauseRunText(e, run, scenario.Style{})
	}
	if page && e.Scenario == scenario.PauseScenario {
		require.NoError(t, scenario.WriteHTML(&strings.Builder{}, report))
	}
}

func FuzzJudgePause(f *testing.F) {
	for _, name := range namedPauses(f, "") {
		content, err := os.ReadFile(filepath.Join(pauses, name+".json"))
		require.NoError(f, err)
		if len(content) < 1<<14 {
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var e scenario.PauseEvidence
		if json.Unmarshal(content, &e) == nil {
			checkAnyPause(t, e, true)
		}
	})
}

// The figures of the runs of all cases with a Redlock, as they must be whatever the times were.
func TestPauseFigures(t *testing.T) {
	fig := scenario.Judge(loadPause(t, "ok-redlock")).Figures
	for name, want := range map[string]float64{
		"ttl_ms": 500, "planned_pause_ms": 800, "repeat": 1, "runs": 19, "runs_unfenced": 4, "duplicates_unfenced": 4, "runs_fenced": 4, "duplicates_fenced": 0,
		"lost_updates_unfenced": 1, "lost_updates_fenced": 0, "stale_attempted": 8, "stale_accepted": 0, "runs_without_seal": 1, "double_without_seal": 1,
		"runs_with_seal": 1, "double_with_seal": 0, "runs_plain_del": 2, "freed_by_plain_del": 2, "runs_own_del": 1, "freed_by_own_del": 0,
		"runs_unchecked": 1, "double_unchecked": 1, "runs_checked": 2, "double_checked": 0, "runs_without_key": 2, "charged_twice_without_key": 2,
		"runs_with_key": 1, "charged_twice_with_key": 0, "runs_renewed": 1, "kept_renewed": 1, "runs_progress": 1, "kept_progress": 0,
	} {
		require.Contains(t, fig, name)
		require.InDelta(t, want, fig[name], 0, name)
	}
	require.GreaterOrEqual(t, fig["pause_min_ms"], 800.0)
	require.Greater(t, fig["passed_on_median_ms"], 400.0)
	// What was not tried has no figure.
	fig = scenario.Judge(loadPause(t, "ok-late-write--fenced")).Figures
	for _, name := range []string{"runs_unfenced", "duplicates_unfenced", "double_with_seal", "freed_by_plain_del", "charged_twice_with_key", "kept_progress"} {
		require.NotContains(t, fig, name)
	}
	require.Empty(t, scenario.Judge(scenario.PauseEvidence{Scenario: scenario.PauseScenario}).Figures)
}

// Evidence of a pause survives being written and read, and its verdict is derived again, also from what was changed.
func TestRecheckPause(t *testing.T) {
	for _, name := range namedPauses(t, "") {
		if name == "bad-scenario-known" {
			continue
		}
		e := loadPause(t, name)
		r := scenario.NewReport(e, scenario.Judge(e))
		dir := t.TempDir()
		require.NoError(t, r.WriteFiles(dir))
		require.FileExists(t, filepath.Join(dir, scenario.TimelineFile))
		saved, err := scenario.Load(dir)
		require.NoError(t, err)
		back, err := saved.PauseEvidence()
		require.NoError(t, err)
		require.Equal(t, e.Parameters, back.Parameters, name)
		require.ElementsMatch(t, e.Events, back.Events, name)
		_, err = saved.Evidence()
		require.ErrorIs(t, err, scenario.ErrNotCheckable, "it is no partition")
		stored, derived, err := scenario.Recheck(dir)
		require.NoError(t, err)
		require.Equal(t, r.Result(), stored, name)
		require.Equal(t, stored.Verdict, derived.Verdict, name)
		require.Equal(t, stored.Figures, derived.Figures, name)

		tamper(t, dir, func(m map[string]any) { m["figures"].(map[string]any)["stale_accepted"] = 7 })
		_, derived, err = scenario.Recheck(dir)
		require.NoError(t, err)
		require.NotEqual(t, scenario.Safe, derived.Verdict, name)
	}
}

func TestPauseGolden(t *testing.T) {
	e := loadPause(t, "ok-redlock")
	var b strings.Builder
	for run := range e.Parameters.Plan {
		b.WriteString(scenario.PauseRunText(e, run+1, scenario.Style{}) + "\n")
	}
	golden(t, "pause/ok-redlock.runs.txt", b.String())
	golden(t, "pause/ok-redlock.txt", scenario.PauseTable(e, scenario.Style{})+"\n"+scenario.WalkthroughText(e, scenario.Style{})+"\n"+scenario.VerdictText(scenario.Judge(e), scenario.Style{}))
	e = loadPause(t, "ok-zookeeper")
	golden(t, "pause/ok-zookeeper.txt", scenario.PauseTable(e, scenario.Style{Width: 72})+"\n"+scenario.WalkthroughText(e, scenario.Style{}))
}

func TestPauseStyle(t *testing.T) {
	for _, name := range namedPauses(t, "") {
		e := loadPause(t, name)
		for _, width := range []int{60, 80, 0, 160} {
			plain, limit := scenario.Style{Width: width}, width
			if width == 0 {
				limit = 100
			}
			text := scenario.Lanes(e, plain) + scenario.PauseTable(e, plain) + scenario.WalkthroughText(e, plain) + scenario.VerdictText(scenario.Judge(e), plain)
			for line := range strings.Lines(text) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), limit, "%s: %q", name, line)
				require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimSuffix(line, "\n"), "no blanks at the end")
			}
			require.NotContains(t, text, "\x1b")
			coloured := plain
			coloured.Color = true
			require.Equal(t, scenario.Lanes(e, plain)+scenario.PauseTable(e, plain), uncoloured(scenario.Lanes(e, coloured)+scenario.PauseTable(e, coloured)), "nothing is said by colour alone")
		}
		ascii := scenario.Lanes(e, scenario.Style{ASCII: true})
		require.Equal(t, len(ascii), utf8.RuneCountInString(ascii), "%s: %s", name, ascii)
	}
}

func TestPauseHTML(t *testing.T) {
	write := func(e scenario.PauseEvidence) string {
		var b strings.Builder
		require.NoError(t, scenario.WriteHTML(&b, scenario.NewReport(e, scenario.Judge(e))))
		return b.String()
	}
	page := write(loadPause(t, "ok-redlock"))
	requireSelfContained(t, "ok-redlock", page)
	for _, s := range []string{
		"Without a fence the frozen worker did its damage every time; with one, never.", "A pause of 800ms against a lock that lives 500ms", "4 of 4", "0 of 8",
		"S3 late-release · redlock", "charged twice in 1 of 1", "harm done", "kept out", "worker A", "zkctl pause check report.json", "redis-server",
	} {
		require.Contains(t, page, s)
	}
	require.Equal(t, 19, strings.Count(page, `<svg class="chart"`))
	require.Equal(t, 1, strings.Count(page, `id="wrong"`))
	require.Contains(t, write(loadPause(t, "bad-control-plain-del")), "This run proves nothing either way.")
	require.Contains(t, write(loadPause(t, "bad-effects-once")), "What must not happen did.")
	require.Contains(t, write(scenario.PauseEvidence{Scenario: scenario.PauseScenario}), "not tried")

	// What comes from outside stays text.
	e := loadPause(t, "ok-late-write--fenced")
	const evil = `"><script>alert(1)</script>`
	e.Engine.About, e.Parameters.Resource.About, e.Parameters.Plan[0].Lock = evil, evil, evil
	for i := range e.Events {
		e.Events[i].Detail, e.Events[i].By = evil, evil
	}
	require.NotContains(t, write(e), "<script")
}
