package scenario

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// ContendFile is the page with pictures that [WriteContendFiles] writes.
const ContendFile = "contend.html"

//go:embed contend.html.tmpl
var contendTemplate string

// A contendPage is what the template shows.
type contendPage struct {
	About, Headline string
	Verdict         Verdict
	Exit            int
	Reasons         []string
	Words           []string
	Workloads       []contendSection
	Heads           []string
	Checks          []Check
	Figures         []figureRow
	Beside          string
}

// A contendSection is one workload.
type contendSection struct {
	Title  string
	Charts []contendCurves
	Rows   []contendRow
}

type contendRow struct {
	Workers, Processes int
	Strategy           string
	Values             []string
	New                bool // the number of workers is another one than in the row above
}

// WriteContendHTML writes a report of the contention experiment as one HTML page that needs nothing else: no network, no script, no font. It returns an error that
// matches [ErrNotReport] for a report of something else, with nothing written, or that of w, with part of the page written.
func WriteContendHTML(w io.Writer, r Report) error {
	v, err := viewContend(r)
	if err != nil {
		return err
	}
	t, err := template.New("contend").Parse(contendTemplate)
	if err != nil {
		return fmt.Errorf("scenario: contend template: %w", err)
	}
	if err := t.Execute(w, contendPageOf(v)); err != nil {
		return fmt.Errorf("scenario: write the page: %w", err)
	}
	return nil
}

func contendPageOf(v contendView) contendPage {
	p := contendPage{
		About: v.about(), Verdict: v.report.Verdict, Exit: v.report.Exit, Reasons: v.report.Reasons, Words: contendWords(v), Checks: v.report.Checks, Beside: contendBeside(v.report),
		Headline: map[Verdict]string{
			Safe: "No update was lost, none was there twice, and nothing was oversold.", Violated: "What the records hold is not what the workers were told.", Inconclusive: "Too little was measured.",
		}[v.report.Verdict],
	}
	for _, c := range contendColumns {
		p.Heads = append(p.Heads, c.head)
	}
	for _, workload := range v.workloads() {
		p.Workloads = append(p.Workloads, v.section(workload))
	}
	for _, name := range slices.Sorted(maps.Keys(v.report.Figures)) {
		p.Figures = append(p.Figures, figureRow{name, number(v.report.Figures[name])})
	}
	return p
}

func (v contendView) section(workload string) contendSection {
	s := contendSection{Title: v.workloadText(workload)}
	optimistic := []string{contendCAS, contendBackoff, contendAdaptive, contendCurator}
	var model func(int) float64
	if workload == ContendInventory && v.params.Keys[workload] == 1 {
		model = contendAttempts
	}
	s.Charts = []contendCurves{
		curvesOf(v, workload, "Updates per second", contendPerS, nil, nil, "throughput"),
		curvesOf(v, workload, "p99 of an update, in ms", contendP99, nil, nil, "p99"),
		curvesOf(v, workload, "Attempts for an update, beside the model", contendTries, optimistic, model, ""),
		curvesOf(v, workload, "Requests to the servers for an update", contendServerOps, nil, nil, ""),
	}
	last := 0
	for _, cell := range v.params.Cells {
		if cell.Workload != workload {
			continue
		}
		row := contendRow{Workers: cell.Workers, Processes: cell.Processes, Strategy: cell.Strategy, New: cell.Workers*1000+cell.Processes != last}
		last = cell.Workers*1000 + cell.Processes
		for _, c := range contendColumns {
			text := "–"
			if f, ok := v.figure(cell, c.suffix); ok {
				text = c.format(f)
			}
			row.Values = append(row.Values, text)
		}
		ratio := ""
		if f, ok := v.report.Figures[workload+"_"+cell.Strategy+"_vs_lock_"+cell.size()+"_ratio"]; ok {
			ratio = decimals(f) + "×"
		}
		row.Values = append(row.Values, ratio)
		s.Rows = append(s.Rows, row)
	}
	return s
}

// contendBeside is what is to be said of Curator's counter, "" if it was not there.
func contendBeside(r Report) string {
	n, ok := r.Figures["curator_lost_reply_doubled"]
	switch {
	case !ok:
		return ""
	case n > 0:
		return "Curator's counter counted twice for one write whose reply was lost, and told of one increment. Package cas counts once: what it wrote has a trace in the node."
	}
	return "Curator's counter counted once for a write whose reply was lost."
}

// WriteContendFiles writes report.json and contend.html into a directory, which it makes if it is not there. Files of these names are replaced, each at one instant.
// It returns a [*FileError] for the first thing that failed; what was written before stays.
func WriteContendFiles(dir string, r Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &FileError{Path: dir, Err: err}
	}
	for _, file := range []struct {
		name   string
		encode func(io.Writer) error
	}{
		{ReportFile, r.Encode},
		{ContendFile, func(w io.Writer) error { return WriteContendHTML(w, r) }},
	} {
		var b bytes.Buffer
		if err := file.encode(&b); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, file.name), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
