package scenario

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/zkkit/zkkit/ensemble"
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
	if len(r.apart) > 0 && r.server.fleet.links == nil {
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

// isolate has the network between the servers cut. Nobody counts what crosses that, so what shows that nothing does is noted: that the others elect another leader, or
// that the server of the holder has not learnt what happened among the others.
func (r *partitionRun) isolate(ctx context.Context) (injected, error) {
	f := r.server.fleet
	if err := f.isolate(ctx, r.apart); err != nil {
		return injected{}, err // the servers' stop heals
	}
	started := time.Now()
	watching, stop := context.WithCancel(ctx)
	if r.cfg.Where == WhereLeader {
		r.playing.Go(func() { r.awaitElection(watching) })
	}
	return injected{started, func(ctx context.Context) (healed, error) {
		stop()
		if r.cfg.Where != WhereLeader {
			r.noteBehind(ctx)
		}
		began := time.Now()
		err := f.heal(ctx, r.apart)
		return healed{at: time.Now(), took: time.Since(began)}, err
	}}, nil
}

// awaitElection notes when another than the server that is cut off leads.
func (r *partitionRun) awaitElection(ctx context.Context) {
	f := r.server.fleet
	for {
		leader, err := f.leads(ctx)
		if err == nil && leader != r.apart[0] {
			r.rec.now(Event{Who: WhoHarness, What: Elected, Detail: f.names[leader] + " was elected"})
			return
		}
		if sleep(ctx, lookForLeader) != nil {
			return
		}
	}
}

// noteBehind notes what the holder's server knows of last.
func (r *partitionRun) noteBehind(ctx context.Context) {
	srvr, err := ensemble.FourLetter(ctx, r.near[0], "srvr")
	m := zxidLine.FindStringSubmatch(srvr)
	if err != nil || m == nil {
		r.rec.now(Event{Who: WhoHarness, What: Note, Detail: "the holder's server does not say what it knows"})
		return
	}
	zxid, err := strconv.ParseUint(m[1], 16, 64)
	if err == nil {
		r.rec.now(Event{Who: WhoHarness, What: Behind, Zxid: zxid, Detail: r.server.fleet.names[r.apart[0]] + " knows of nothing after this"})
	}
}

var zxidLine = regexp.MustCompile(`(?m)^Zxid: 0x([0-9a-f]+)`)

// lookForLeader is the pause between two questions who leads.
const lookForLeader = 50 * time.Millisecond

func trafficFigures(t partition.Traffic) map[string]float64 {
	return map[string]float64{
		BytesOfferedToServer: float64(t.ToServer.Offered), BytesForwardedToServer: float64(t.ToServer.Forwarded),
		BytesOfferedFromServer: float64(t.FromServer.Offered), BytesForwardedFromServer: float64(t.FromServer.Forwarded),
		ConnectionsOffered: float64(t.Opened),
	}
}
