package partition

import (
	"context"
	"fmt"
)

// A Kind is a sort of fault. The zero Kind is none of them: [Link.Cut] refuses it. It is a value, safe to copy.
type Kind uint8

// The kinds of faults. The package comment has a table of what each does to whom.
const (
	Drop Kind = iota + 1
	Jam
	Refuse
	Reset
)

// A fault is one line of the list below: what it is called, and how it is brought about and undone on a wire.
// undo is safe to call after an inject that failed half-way, and more than once.
type fault struct {
	kind   Kind
	name   string
	about  string
	oneWay bool // can concern one direction only
	inject func(context.Context, wire, Direction) error
	undo   func(context.Context, wire, Direction) error
}

// faults is every fault there is. It never changes.
var faults = []fault{
	{
		kind: Drop, name: "drop", oneWay: true,
		about:  "bytes and closes are lost; connections that lived through it are closed on heal",
		inject: setGate(modeDrop), undo: setGate(modePass),
	},
	{
		kind: Jam, name: "jam", oneWay: true,
		about:  "bytes and closes are held, and delivered late, in order, on heal",
		inject: setGate(modeJam), undo: setGate(modePass),
	},
	{
		kind: Refuse, name: "refuse",
		about:  "connections are closed, new ones are refused; the port stays taken",
		inject: func(ctx context.Context, w wire, _ Direction) error { return w.refuse(ctx, true) },
		undo:   func(ctx context.Context, w wire, _ Direction) error { return w.refuse(ctx, false) },
	},
	{
		kind: Reset, name: "reset",
		about:  "connections are reset (RST) on both sides, new ones as soon as they are made",
		inject: func(ctx context.Context, w wire, _ Direction) error { return w.reset(ctx, true) },
		undo:   func(ctx context.Context, w wire, _ Direction) error { return w.reset(ctx, false) },
	},
}

func setGate(m mode) func(context.Context, wire, Direction) error {
	return func(ctx context.Context, w wire, d Direction) error { return w.gate(ctx, d.modes(m)) }
}

// A wire is what carries a link: a proxy of this process ([local]) or one inside a Toxiproxy that runs elsewhere ([remote]).
// The link calls one method at a time, except traffic, which it calls at any time.
type wire interface {
	addr() string
	gate(ctx context.Context, m modes) error // each stream passes, drops or jams from now on
	refuse(ctx context.Context, on bool) error
	reset(ctx context.Context, on bool) error
	traffic() (t Traffic, ok bool)   // ok is false when nobody counts
	close(ctx context.Context) error // ends everything and waits for it
}

// Kinds returns all kinds of faults, in the order of their constants.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(faults))
	for _, f := range faults {
		kinds = append(kinds, f.kind)
	}
	return kinds
}

// ParseKind reads what [Kind.String] writes. It returns an [*UnknownNameError], which lists the valid names, for anything else.
func ParseKind(s string) (Kind, error) {
	for _, f := range faults {
		if f.name == s {
			return f.kind, nil
		}
	}
	return 0, unknownKind(s)
}

func unknownKind(name string) error {
	e := &UnknownNameError{What: "kind", Name: name}
	for _, f := range faults {
		e.Valid = append(e.Valid, f.name)
	}
	return e
}

func (k Kind) fault() (fault, bool) {
	for _, f := range faults {
		if f.kind == k {
			return f, true
		}
	}
	return fault{}, false
}

// String returns the kind's name: "drop", "jam", "refuse" or "reset".
func (k Kind) String() string {
	if f, ok := k.fault(); ok {
		return f.name
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// About returns what the fault does, in one line; "" for an unknown kind.
func (k Kind) About() string {
	f, _ := k.fault()
	return f.about
}

// OneWay reports whether the fault can concern one direction only.
func (k Kind) OneWay() bool {
	f, _ := k.fault()
	return f.oneWay
}

// MarshalText returns [Kind.String].
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is [ParseKind]; on failure it leaves k as it was.
func (k *Kind) UnmarshalText(b []byte) error {
	parsed, err := ParseKind(string(b))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}
