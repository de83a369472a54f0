package scenario

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Evidence is everything that a run observed. It is complete in itself: [Judge] needs nothing else, and it survives JSON unchanged.
// Evidence is a value that is safe for concurrent use as long as nobody changes its events; the zero Evidence is judged inconclusive.
type Evidence struct {
	// Scenario is the name of the story, [PartitionScenario].
	Scenario string `json:"scenario"`
	// Engine is what it ran on.
	Engine Engine `json:"engine"`
	// Parameters is what was asked for and what the server made of it.
	Parameters Parameters `json:"parameters"`
	// Predicted is when the lock was expected to be lost, as said before the cut: see [Predict].
	Predicted Window `json:"predicted,omitzero"`
	// Events is what happened. The events of one party are in the order in which it saw them; [Judge] sorts the rest by time.
	Events []Event `json:"events"`
}

// Parameters of a run of the partition scenario. A zero field that is documented as observed means that it was not observed.
type Parameters struct {
	// SessionRequested is the session timeout that the clients asked for.
	SessionRequested Millis `json:"session_requested_ms"`
	// SessionNegotiated is the one that the server gave to the holder, as observed on the wire.
	SessionNegotiated Millis `json:"session_negotiated_ms,omitzero"`
	// Tick is the server's tickTime, 0 if it is not known: then half the session stands in for it.
	Tick Millis `json:"tick_ms,omitzero"`
	// For is how long the cut was to last, or how long the lock was to be watched if Kind is [KindNone].
	For Millis `json:"for_ms"`
	// Kind and Direction of the fault between the holder and ZooKeeper.
	Kind      Kind      `json:"kind"`
	Direction Direction `json:"direction,omitempty"`
	// Servers is how many servers there are, 0 if it is not known.
	Servers int `json:"servers,omitempty"`
	// Where is between whom the cut is, "" for [WhereHolder].
	Where Where `json:"where,omitempty"`
	// SyncLimit is how long servers go on with each other without hearing anything, observed where the cut is among servers.
	SyncLimit Millis `json:"sync_limit_ms,omitzero"`
	// Recipe is the lock that was tried: [RecipeZklock], [RecipePings], [RecipeStock] or [RecipeProgram].
	Recipe string `json:"recipe"`
	// Clients is how many clients wanted the lock, the holder included.
	Clients int `json:"clients"`
	// LockPath is the directory of the lock.
	LockPath string `json:"lock_path"`
	// Fenced says that the resource checks tokens. If false, it accepts everything and the tokens are only recorded.
	Fenced bool `json:"fenced"`
	// StalePlanned says that the run meant to have a stale write arrive at the resource.
	StalePlanned bool `json:"stale_planned"`
	// RejoinPlanned says that the holder was to acquire the lock again after the heal.
	RejoinPlanned bool `json:"rejoin_planned"`
	// Command is the user's program that was run, with its arguments, if Recipe is [RecipeProgram].
	Command []string `json:"command,omitempty"`
	// Resource is what the programs were given to write to, [ResourceFenced] or [ResourcePlain], or "" for nothing.
	Resource string `json:"resource,omitempty"`
	// Seed is what the random choices of the run came from.
	Seed uint64 `json:"seed"`
}

// The recipes.
const (
	RecipeZklock = "zklock"       // this module's lock
	RecipePings  = "zklock-pings" // the same in its weaker mode, which takes the answer to a ping for a proof
	RecipeStock  = "go-zookeeper" // go-zookeeper's own lock, believed until the library says Expired: the control

	// RecipeProgram is whatever a program of the user does. What it believes is known only as far as it says so.
	RecipeProgram = "program"
)

// The resources that a program can be given.
const (
	ResourceFenced = "fenced" // refuses a write with a token below one that it has seen, and one without a token
	ResourcePlain  = "plain"  // accepts everything
)

// Recipes returns all recipes.
func Recipes() []string { return []string{RecipeZklock, RecipePings, RecipeStock} }

// A Kind is a kind of fault.
type Kind string

// The kinds of fault that [Judge] knows.
const (
	KindDrop   Kind = "drop"   // bytes are lost
	KindJam    Kind = "jam"    // bytes are held back and delivered when the cut is healed
	KindRefuse Kind = "refuse" // connections end, new ones are refused
	KindReset  Kind = "reset"  // connections are reset, new ones too
	KindNone   Kind = "none"   // nothing is cut: the control in which nothing may happen
)

// A Direction says which way a cut works, as seen from the client.
type Direction string

// The directions of a cut.
const (
	DirectionBoth       Direction = "both"
	DirectionToServer   Direction = "to-server"
	DirectionFromServer Direction = "from-server"
)

// Millis is a duration that is written to JSON as a number of milliseconds, to the microsecond.
type Millis time.Duration

// Duration returns m as the standard library's type.
func (m Millis) Duration() time.Duration { return time.Duration(m) }

// String returns m as [time.Duration.String] does: "2.2s".
func (m Millis) String() string { return time.Duration(m).String() }

// MarshalJSON returns m in milliseconds, as in 2200 or 0.25.
func (m Millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, Ms(time.Duration(m)), 'f', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses what a duration cannot hold and leaves m as it was.
func (m *Millis) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(f) > float64(math.MaxInt64/int64(time.Millisecond)/2) || math.IsNaN(f) {
		return fmt.Errorf("scenario: %s is not a number of milliseconds", b)
	}
	*m = Millis(math.Round(f*1e3) * 1e3)
	return nil
}

// Ms returns d in milliseconds, rounded to the microsecond: what [Event.AtMs] and all figures ending in _ms are made of.
func Ms(d time.Duration) float64 { return roundMs(float64(d) / 1e6) }

// roundMs rounds a number of milliseconds to the microsecond, so that sums and differences of such numbers print as short as they are.
func roundMs(ms float64) float64 { return math.Round(ms*1e3) / 1e3 }
