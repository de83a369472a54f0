// Package scenario holds the stories that zkctl tells: a recipe meets a fault, what happened is recorded, and the record is judged.
//
// A story has two halves. The runner makes things happen and writes down what every party saw: that is [Evidence], or [PauseEvidence], a list of events on
// one monotonic clock, with the parameters of the run. Everything after that is pure: [Judge] turns evidence into checks, figures and a
// verdict, [NewReport] into the one JSON object that every experiment prints, [Lanes], [Walkthrough] and [WriteHTML] into something to look
// at. Nothing in the second half asks a clock, a server or a random source, so [Recheck] derives the same verdict from a saved report
// years later, and a verdict can be argued with by reading the events.
//
// There are two stories: a partition, in which the holder of a lock is cut off from ZooKeeper ([RunPartition]), and a pause, in which a worker is frozen for longer than
// its lock lives ([RunPause]). The second one is many short runs, half of them controls that must end in harm; it has the files that begin with pause_.
//
// # What is compared in a partition
//
// Three things about one hold are kept apart, because a partition tears them apart:
//
//   - belief: what the client thinks. It starts with [Acquired] and ends with [BeliefEnded] or [Released];
//   - truth: what ZooKeeper says. The hold is true while its znode exists. Nobody sees the deletion itself: the observer knows that the
//     node was there ([NodeSeen]) and that it is gone by now ([NodeGone]), so the deletion is somewhere in between;
//   - effect: what the protected resource let happen, in its own order ([Sealed], [Write]).
//
// Two owners means: one client believes while the next one has acquired. Belief that outlives truth is what makes two owners possible,
// so it counts as a violation by itself, even when the next client was slow to take the lock.
//
// # How a verdict is reached
//
// A safety check fails only on proof, and proof of a violation is never set aside, not by missing evidence either. An evidence check
// fails when the run could not have shown a violation: the session could not expire, bytes crossed the cut, no stale write was tried, an
// observation is missing. Such a run is inconclusive, never safe. A liveness check fails when the lock did not move on in time. An
// observation that was not made is never read as 0: its figure is absent.
package scenario

import "strings"

// PartitionScenario is the name of the story in which the holder of a lock is cut off from ZooKeeper.
const PartitionScenario = "partition"

// Engine says what a run ran on. It is a value; the zero Engine says nothing.
type Engine struct {
	// Name is the program, such as "Redis", "" for ZooKeeper.
	Name string `json:"name,omitempty"`
	// Kind is how the server came to be: "local", "docker", "embedded" or "connect".
	Kind string `json:"kind"`
	// Version is what the server calls itself, "" if it did not say.
	Version string `json:"version"`
	// About says all of that in a few words, where what is above does not.
	About string `json:"about,omitempty"`
}

// String returns kind and version, as in "local, ZooKeeper 3.8.0", and says so when it was no real one.
func (e Engine) String() string {
	switch {
	case e.About != "":
		return e.About
	case e.Kind == "" && e.Version == "":
		return "an unknown engine"
	case e.Kind == EngineEmbedded:
		return strings.TrimSpace("embedded, zktest "+e.Version) + ", in this process: not a real ZooKeeper"
	case !e.Real():
		return e.Kind + ", zktest " + e.Version + ": not a real ZooKeeper"
	case e.Version == "":
		return e.Kind
	}
	return e.Kind + ", ZooKeeper " + e.Version
}

// Real reports whether it was a real ZooKeeper, as far as the server said: zktest has its name in its version, wherever it runs.
func (e Engine) Real() bool {
	return e.Kind != EngineEmbedded && !strings.HasSuffix(e.Version, zktestSuffix)
}

const zktestSuffix = "-zktest"

// server is the name of what kept the lock, in a sentence.
func (e Engine) server() string {
	if !e.Real() {
		return "zktest"
	}
	return "ZooKeeper"
}
