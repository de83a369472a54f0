package fencetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// A kind is what an operation asks for.
type kind string

const (
	hold  kind = "hold" // The subject made the holder, and with RefusesEarly that alone refuses the earlier ones.
	seal  kind = "seal"
	read  kind = "read"
	write kind = "write"
	erase kind = "delete"
)

// An outcome is what a holder was told.
type outcome string

const (
	done    outcome = "accepted"
	stale   outcome = "refused"
	unknown outcome = "unknown" // It may take effect at any time after the call, or never.
	failed  outcome = "failed"  // It says that it did nothing. It may have moved the mark up to its own token.
)

// An op is one operation as its caller saw it.
type op struct {
	kind      kind
	token     fence.Token
	value     string // What was written, or what was read.
	call, ret int64  // Nanoseconds since the history began.
	outcome   outcome
	max       fence.Token // What refused it, zero if that was not told.
}

func (o op) String() string {
	s := fmt.Sprintf("[%.3f, %.3f] ms: %s with %v", float64(o.call)/1e6, float64(o.ret)/1e6, o.kind, o.token)
	if o.outcome == unknown {
		s = fmt.Sprintf("[%.3f, ...] ms: %s with %v", float64(o.call)/1e6, o.kind, o.token)
	}
	switch {
	case o.kind == write:
		s += " of " + o.value
	case o.kind == read && o.outcome == done:
		s += " of " + o.value
	}
	s += ": " + string(o.outcome)
	if !o.max.IsZero() {
		s += fmt.Sprintf(", already saw %v", o.max)
	}
	return s
}

// A history is what all callers saw of one resource.
type history struct {
	options Options
	start   time.Time

	mu  sync.Mutex // guards ops and err
	ops []op
	err error // The first error that is none of the outcomes.
}

func newHistory(o Options) *history { return &history{options: o, start: time.Now()} }

func (h *history) now() int64 { return int64(time.Since(h.start)) }

// try lets a holder do something and records what it was told. It returns that, and false for an error that ends the check.
func (h *history) try(ctx context.Context, who Holder, k kind, value string) (outcome, bool) {
	o := op{kind: k, token: who.Token(), value: value, call: h.now(), outcome: done}
	var err error
	switch k {
	case seal:
		err = who.Seal(ctx)
	case read:
		var ok bool
		value, ok, err = who.Read(ctx)
		o.value = show(value, ok)
	case write:
		err = who.Write(ctx, value)
	case erase:
		err = who.Delete(ctx)
	default:
		err = fmt.Errorf("a holder cannot %s", k)
	}
	o.ret = h.now()
	switch told, ok := errors.AsType[*fence.StaleError](err); {
	case err == nil:
	case errors.Is(err, fence.ErrUnknown):
		o.outcome, o.ret = unknown, math.MaxInt64
	case h.options.Stale != nil && h.options.Stale(err):
		o.outcome = stale
	case h.options.Stale == nil && ok && told.Have == o.token && !told.Max.IsZero():
		o.outcome, o.max = stale, told.Max
	case h.options.Failed != nil && h.options.Failed(err):
		o.outcome = failed
	default:
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.err == nil {
			h.err = fmt.Errorf("the %s with token %v: %w", k, o.token, err)
		}
		return "", false
	}
	h.add(o)
	return o.outcome, true
}

func (h *history) add(o op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

// verdict returns what is wrong with the history: first what one can see by looking at two operations, since that is easy to understand, then what porcupine finds.
// Nobody adds to the history any more.
func (h *history) verdict() error {
	if h.err != nil {
		return h.err
	}
	if err := obvious(h.ops); err != nil {
		return err
	}
	return linearizable(h.ops, h.options.Decide)
}

// obvious finds what needs no search.
func obvious(ops []op) error {
	written := map[string]op{}
	for _, o := range ops {
		if o.kind == write {
			written[o.value] = o
		}
	}
	for _, o := range ops {
		if o.kind == read && o.outcome == done && o.value != none {
			w, ok := written[o.value]
			if !ok {
				return fmt.Errorf("read what nobody wrote:\n\t%v", o)
			}
			switch {
			case w.outcome == stale || w.outcome == failed:
				return fmt.Errorf("%s, and yet applied:\n\t%v\n\t%v", w.outcome, w, o)
			case o.ret < w.call:
				return fmt.Errorf("read before it was written:\n\t%v\n\t%v", o, w)
			}
		}
		explained := false
		for _, other := range ops {
			if !o.token.Less(other.token) {
				continue
			}
			if o.outcome == done && other.outcome == done && o.kind != hold && other.ret < o.call {
				return fmt.Errorf("an older token was accepted after a newer one:\n\t%v\n\t%v", other, o)
			}
			told := o.max == other.token || o.max.IsZero()
			explained = explained || told && other.call <= o.ret
		}
		if o.outcome == stale && !explained {
			return fmt.Errorf("refused, and nobody had come with a newer token that would explain it:\n\t%v", o)
		}
	}
	return nil
}
