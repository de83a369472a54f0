package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/zkkit/zkkit/internal/scenario"
)

// prepareReport makes the directory for a report, before a run that would be lost without it. undo removes what it made, unless something
// is in there by then. It fails with a *scenario.UsageError for what cannot be a directory, and with a *scenario.EnvironmentError for one
// that cannot be written; then everything is as it was.
func prepareReport(dir string) (undo func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
		return nil, usagef("--report %s: a file is in the way: name a directory, which is made if it is not there", dir)
	}
	var made []string // The deepest first.
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		made = append(made, d)
	}
	undo = func() {
		for _, d := range made {
			_ = os.Remove(d)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		undo()
		return nil, environmentf("--report: %w", err)
	}
	probe, err := os.CreateTemp(dir, "."+scenario.ReportFile+"-*")
	if err != nil {
		undo()
		return nil, environmentf("--report %s: the directory cannot be written: %w", dir, err)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return undo, nil
}

// reportText says where the report of a command is.
func reportText(command, dir string) string {
	var b strings.Builder
	for _, file := range []struct{ name, about string }{
		{scenario.ReportFile, "everything: zkctl " + command + " check " + dir + " derives the verdict again"},
		{scenario.EventsFile, "what happened, one event per line"},
		{scenario.TimelineFile, "the picture, for a browser"},
	} {
		b.WriteString("report    " + filepath.Join(dir, file.name) + "  " + file.about + "\n")
	}
	return b.String()
}
