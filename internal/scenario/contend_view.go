package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A contendView is a report of the contention experiment, as texts and pictures need it.
type contendView struct {
	report Report
	params struct {
		Workload  string         `json:"workload"`
		Store     string         `json:"store"`
		Workers   []int          `json:"workers"`
		Processes []int          `json:"processes"`
		ThinkMs   float64        `json:"think_ms"`
		ForMs     float64        `json:"for_ms"`
		Keys      map[string]int `json:"keys"`
		Cells     []contendCell  `json:"cells"`
	}
}

// viewContend reads a report. It returns an error that matches ErrNotReport for one that is of something else.
func viewContend(r Report) (contendView, error) {
	v := contendView{report: r}
	if r.Scenario != ContendScenario {
		return v, fmt.Errorf("%w of %s: %q", ErrNotReport, ContendScenario, r.Scenario)
	}
	if err := json.Unmarshal(r.Parameters, &v.params); err != nil {
		return v, fmt.Errorf("%w: parameters: %w", ErrNotReport, err)
	}
	return v, nil
}

func (v contendView) workloads() []string {
	var all []string
	for _, c := range v.params.Cells {
		if !slices.Contains(all, c.Workload) {
			all = append(all, c.Workload)
		}
	}
	return all
}

// strategies are those that were measured with a workload.
func (v contendView) strategies(workload string) []string {
	var all []string
	for _, c := range v.params.Cells {
		if c.Workload == workload && !slices.Contains(all, c.Strategy) {
			all = append(all, c.Strategy)
		}
	}
	return all
}

// figure returns one of a cell's, and whether it was observed.
func (v contendView) figure(c contendCell, suffix string) (float64, bool) {
	f, ok := v.report.Figures[c.name()+suffix]
	return f, ok
}

// at returns the main cell of so many workers.
func (v contendView) at(workload, strategy string, workers int) (contendCell, bool) {
	i := slices.IndexFunc(v.params.Cells, func(c contendCell) bool {
		return c.Main && c.Workload == workload && c.Strategy == strategy && c.Workers == workers
	})
	if i < 0 {
		return contendCell{}, false
	}
	return v.params.Cells[i], true
}

// A contendPoint is one value of a curve.
type contendPoint struct{ workers, value float64 }

// curve returns a figure of a strategy over the numbers of workers.
func (v contendView) curve(workload, strategy, suffix string) []contendPoint {
	var points []contendPoint
	for _, w := range v.params.Workers {
		if c, ok := v.at(workload, strategy, w); ok {
			if f, ok := v.figure(c, suffix); ok && f > 0 {
				points = append(points, contendPoint{float64(w), f})
			}
		}
	}
	return points
}

// about says what a run was.
func (v contendView) about() string {
	text := v.report.Engine.String()
	if v.params.Store == ContendPostgres {
		text = fmt.Sprintf("%s, PostgreSQL %s", v.report.Engine.Kind, v.report.Engine.Version)
	}
	if v.params.ThinkMs > 0 {
		text += fmt.Sprintf("; a decision takes %v", time.Duration(v.params.ThinkMs*float64(time.Millisecond)))
	}
	return text
}

// workloadText says what a workload is.
func (v contendView) workloadText(workload string) string {
	n := v.params.Keys[workload]
	if workload == ContendProfiles {
		return fmt.Sprintf("profiles: %s, each updated on its own", count(n, "record"))
	}
	return fmt.Sprintf("inventory: %s that everybody reserves from", count(n, "stock"))
}
