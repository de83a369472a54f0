package scenario

import "time"

// What the experiment and its worker processes say to each other: one JSON object a line.

// A contendSetup is the first thing that a worker process is told.
type contendSetup struct {
	Store   string   `json:"store"`
	Servers []string `json:"servers,omitempty"`
	DSN     string   `json:"dsn,omitempty"`
	Root    string   `json:"root"` // where all records are: a path, or the prefix of tables
	Process int      `json:"process"`
}

// A contendTask is one window of a cell.
type contendTask struct {
	Cell   contendCell   `json:"cell"`
	Job    contendJob    `json:"job"`
	Begin  time.Time     `json:"begin"`
	Ramp   time.Duration `json:"ramp"` // what begins before it is over is not measured
	Length time.Duration `json:"length"`
}

// A contendWindow is what became of a task, in one process or in all.
type contendWindow struct {
	Commits  int64        `json:"commits"`  // updates that ended in the time that is measured
	Measured int64        `json:"measured"` // updates that began in it: those that the sums below are about
	Attempts int64        `json:"attempts"`
	Combined int64        `json:"combined"`
	Promoted int64        `json:"promoted"`
	Ops      int64        `json:"ops"` // requests for those, 0 where the store is asked
	Times    contendTimes `json:"times"`
	Each     []int64      `json:"each"` // measured updates of each worker

	Updates int64  `json:"updates"` // all that workers were told of, measured or not
	Effect  int64  `json:"effect"`  // that they had, together
	Unknown int64  `json:"unknown"` // of which nobody could say whether they were applied
	Lowest  int64  `json:"lowest"`  // value that a record was seen to have
	Err     string `json:"err,omitempty"`
}

// add puts the window of another process to this one.
func (w *contendWindow) add(more contendWindow) {
	w.Commits += more.Commits
	w.Measured += more.Measured
	w.Attempts += more.Attempts
	w.Combined += more.Combined
	w.Promoted += more.Promoted
	w.Ops += more.Ops
	if w.Times == nil {
		w.Times = contendTimes{}
	}
	w.Times.merge(more.Times)
	w.Each = append(w.Each, more.Each...)
	w.Updates += more.Updates
	w.Effect += more.Effect
	w.Unknown += more.Unknown
	w.Lowest = min(w.Lowest, more.Lowest)
	if w.Err == "" {
		w.Err = more.Err
	}
}
