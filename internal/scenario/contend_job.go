package scenario

import (
	"math/rand/v2"
	"strings"
	"time"
)

// contendRestock is how many are put into a stock that is empty.
const contendRestock = 1000

// contendNote is what else a profile has: about as much as one in real life.
var contendNote = strings.Repeat("lorem ipsum ", 16)

// A contendRecord is what a node or a row holds.
type contendRecord struct {
	N    int64  `json:"n"`
	Note string `json:"note,omitempty"`
}

// A contendJob is what workers do in a cell: they take a record by chance, think about it, and change it.
type contendJob struct {
	Workload string        `json:"workload"`
	Keys     int           `json:"keys"`
	Think    time.Duration `json:"think"`
}

// initial is what a record holds at first.
func (j contendJob) initial() contendRecord {
	if j.Workload == ContendProfiles {
		return contendRecord{Note: contendNote}
	}
	return contendRecord{N: contendRestock}
}

// pick chooses a record.
func (j contendJob) pick(rnd *rand.Rand) int { return rnd.IntN(j.Keys) }

// change counts one more visit, or reserves one; who finds nothing left fills up the stock. The effect is what has been added.
func (j contendJob) change(r contendRecord) (next contendRecord, effect int64) {
	effect = 1
	if j.Workload == ContendInventory {
		if effect = -1; r.N < 1 {
			effect = contendRestock
		}
	}
	r.N += effect
	return r, effect
}

// think takes the time that a decision takes.
func (j contendJob) think() {
	if j.Think > 0 {
		t := time.NewTimer(j.Think)
		<-t.C
	}
}

// A contendDone is an update that somebody was told of.
type contendDone struct {
	attempts int   // writes that were tried for it
	combined int   // updates that shared the write
	promoted int   // 1 if it took a lock that it would not have taken otherwise
	ops      int   // requests that the store got, where they are counted here
	effect   int64 // that was added
	value    int64 // that the record had afterwards
}
