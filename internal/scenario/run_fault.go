package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/partition"
)

// fault cuts the holder off, waits, and heals. It heals also when ctx ends.
func (r *partitionRun) fault(ctx context.Context) error {
	if r.cfg.Kind == KindNone {
		r.rec.start(time.Now())
		return sleep(ctx, r.length)
	}
	kind, err := partition.ParseKind(string(r.cfg.Kind))
	if err != nil {
		return err
	}
	direction, err := partition.ParseDirection(string(r.cfg.Direction))
	if err != nil {
		return err
	}
	var jam *partition.Cut
	detail := fmt.Sprintf("%s: %s, %s", r.evidence().Parameters.Between(), kind, direction)
	if r.res != nil {
		if jam, err = r.jam(ctx); err != nil {
			return err
		}
		detail += "; holder <-> resource: jam"
	}
	cut, err := r.inject(ctx, kind, direction)
	if err != nil {
		return err
	}
	r.rec.start(cut.started)
	r.rec.add(cut.started, Event{Who: WhoHarness, What: Cut, Detail: detail})
	waited := sleep(ctx, r.length)
	r.heal(context.WithoutCancel(ctx), cut, jam)
	return waited
}

// jam holds back what is on its way between the holder and the resource. It begins between two writes: were one already there and its answer not back, the holder would
// wait for that until the heal, and no write would arrive too late.
func (r *partitionRun) jam(ctx context.Context) (jam *partition.Cut, err error) {
	begin := func() error {
		jam, err = r.res.Cut(ctx, partition.Jam, partition.Both)
		return err
	}
	if len(r.actors) == 0 { // A program writes as it likes.
		err = begin()
		return jam, err
	}
	within, cancel := context.WithTimeoutCause(ctx, patience, environment(fmt.Errorf("the resource did not answer the holder within %v", patience)))
	defer cancel()
	err = r.actors[0].writer.between(within, begin)
	return jam, err
}

// heal undoes the fault and records when, and what passed meanwhile.
func (r *partitionRun) heal(ctx context.Context, cut injected, jam *partition.Cut) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	h, err := cut.heal(ctx)
	if err != nil {
		r.rec.now(Event{Who: WhoHarness, What: Note, Detail: "the cut could not be healed: " + err.Error()})
		return
	}
	if h.figures != nil {
		r.rec.add(h.at, Event{Who: WhoProxy, What: Traffic, Figures: h.figures})
	}
	r.rec.add(h.at, Event{Who: WhoHarness, What: Heal, Figures: map[string]float64{HealMs: Ms(h.took)}})
	if jam == nil {
		return
	}
	if err := jam.Heal(ctx); err != nil {
		r.rec.now(Event{Who: WhoHarness, What: Note, Detail: "the jam could not be healed: " + err.Error()})
	} else if t, ok := jam.Traffic(); ok {
		r.rec.add(jam.Healed(), Event{Who: WhoResourceProxy, What: Traffic, Figures: trafficFigures(t)})
	}
}
