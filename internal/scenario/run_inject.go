package scenario

import (
	"context"
	"time"

	"github.com/zkkit/zkkit/partition"
)

// An injected fault is in force, and can be undone.
type injected struct {
	started time.Time
	heal    func(ctx context.Context) (healed, error)
}

// A healed fault was undone at a time, which took a while. Figures are what crossed meanwhile, nil where nobody counts.
type healed struct {
	at      time.Time
	took    time.Duration
	figures map[string]float64
}

// inject puts the fault in force, wherever it is.
func (r *partitionRun) inject(ctx context.Context, kind partition.Kind, direction partition.Direction) (injected, error) {
	if r.isolated != nil {
		return r.isolate(ctx)
	}
	var cuts []*partition.Cut
	for _, l := range r.cut {
		cut, err := l.Cut(ctx, kind, direction)
		if err != nil {
			return injected{}, err // close heals
		}
		cuts = append(cuts, cut)
	}
	return injected{cuts[len(cuts)-1].Started(), func(ctx context.Context) (healed, error) { return healLinks(ctx, cuts) }}, nil
}

func healLinks(ctx context.Context, cuts []*partition.Cut) (healed, error) {
	h := healed{figures: make(map[string]float64)}
	counted := true
	for _, c := range cuts {
		if err := c.Heal(ctx); err != nil {
			return h, err
		}
		h.at, h.took = c.Healed(), h.took+c.HealTook()
		t, ok := c.Traffic()
		counted = counted && ok
		for name, n := range trafficFigures(t) {
			h.figures[name] += n
		}
	}
	if !counted {
		h.figures = nil
	}
	return h, nil
}

// isolate cuts the leader off from its followers, and notes when another server leads.
func (r *partitionRun) isolate(ctx context.Context) (injected, error) {
	e := r.server.ensemble
	if err := e.Isolate(ctx, r.isolated); err != nil {
		return injected{}, err // the servers' stop heals
	}
	started := time.Now()
	watching, stop := context.WithCancel(ctx)
	r.playing.Go(func() {
		for {
			leader, err := leaderOf(watching, e)
			if err != nil {
				return
			}
			if leader != r.isolated {
				r.rec.now(Event{Who: WhoHarness, What: Elected, Detail: leader.Name() + " was elected"})
				return
			}
			if sleep(watching, lookForLeader) != nil {
				return
			}
		}
	})
	return injected{started, func(ctx context.Context) (healed, error) {
		stop()
		began := time.Now()
		err := e.Heal(ctx)
		return healed{at: time.Now(), took: time.Since(began)}, err
	}}, nil
}

// lookForLeader is the pause between two questions who leads.
const lookForLeader = 50 * time.Millisecond

func trafficFigures(t partition.Traffic) map[string]float64 {
	return map[string]float64{
		BytesOfferedToServer: float64(t.ToServer.Offered), BytesForwardedToServer: float64(t.ToServer.Forwarded),
		BytesOfferedFromServer: float64(t.FromServer.Offered), BytesForwardedFromServer: float64(t.FromServer.Forwarded),
		ConnectionsOffered: float64(t.Opened),
	}
}
