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
	jam, err := r.res.Cut(ctx, partition.Jam, partition.Both)
	if err != nil {
		return err
	}
	var cuts []*partition.Cut
	for _, l := range r.zk {
		cut, err := l.Cut(ctx, kind, direction)
		if err != nil {
			return err // close heals
		}
		cuts = append(cuts, cut)
	}
	started := cuts[len(cuts)-1].Started()
	r.rec.start(started)
	r.rec.add(started, Event{Who: WhoHarness, What: Cut, Detail: fmt.Sprintf("holder <-> ZooKeeper: %s, %s; holder <-> resource: jam", kind, direction)})
	waited := sleep(ctx, r.length)
	r.heal(context.WithoutCancel(ctx), cuts, jam)
	return waited
}

// heal ends the cuts and records when, and what passed meanwhile.
func (r *partitionRun) heal(ctx context.Context, cuts []*partition.Cut, jam *partition.Cut) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, c := range cuts {
		if err := c.Heal(ctx); err != nil {
			r.rec.now(Event{Who: WhoHarness, What: Note, Detail: "the cut could not be healed: " + err.Error()})
			return
		}
	}
	last := cuts[len(cuts)-1]
	var took time.Duration
	for _, c := range cuts {
		took += c.HealTook()
		if t, ok := c.Traffic(); ok {
			r.rec.add(last.Healed(), Event{Who: WhoProxy, What: Traffic, Figures: trafficFigures(t)})
		}
	}
	r.rec.add(last.Healed(), Event{Who: WhoHarness, What: Heal, Figures: map[string]float64{HealMs: Ms(took)}})
	if err := jam.Heal(ctx); err != nil {
		r.rec.now(Event{Who: WhoHarness, What: Note, Detail: "the jam could not be healed: " + err.Error()})
	} else if t, ok := jam.Traffic(); ok {
		r.rec.add(jam.Healed(), Event{Who: WhoResourceProxy, What: Traffic, Figures: trafficFigures(t)})
	}
}

func trafficFigures(t partition.Traffic) map[string]float64 {
	return map[string]float64{
		BytesOfferedToServer: float64(t.ToServer.Offered), BytesForwardedToServer: float64(t.ToServer.Forwarded),
		BytesOfferedFromServer: float64(t.FromServer.Offered), BytesForwardedFromServer: float64(t.FromServer.Forwarded),
		ConnectionsOffered: float64(t.Opened),
	}
}
