package scenario

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zkkit/zkkit/ratelimit"
)

// speedLimit is one that nobody reaches, so that every request is admitted: denying is cheaper.
const speedLimit = 60_000_000

// A tripCounter counts round trips on the connections of a client: each time that something is written after something was read, or first.
type tripCounter struct{ trips atomic.Int64 }

func (t *tripCounter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &trippedConn{Conn: c, counter: t}, nil
}

type trippedConn struct {
	net.Conn
	counter *tripCounter
	asking  atomic.Bool
}

func (c *trippedConn) Write(b []byte) (int, error) {
	if !c.asking.Swap(true) {
		c.counter.trips.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *trippedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.asking.Store(false)
	}
	return n, err
}

// measureTrips counts the round trips of a decision, with one caller, which has nobody to share them with.
func (s *limitStage) measureTrips(ctx context.Context) error {
	s.cfg.OnProgress("counting round trips")
	for _, mode := range s.cfg.Modes {
		decisions := 500
		if mode == ModeLockRedis || mode == ModeLockZooKeeper {
			decisions = 50
		}
		var counter tripCounter
		p := s.place(purposeTrips, speedLimit, time.Minute)
		p.dial, p.Batch = counter.dial, fastBatch
		g, err := openGate(ctx, mode, p)
		if err != nil {
			return err
		}
		err = func() error {
			defer g.close()
			for range 20 { // Connected, scripts known, directories made.
				if err := mustAdmit(ctx, g, mode); err != nil {
					return err
				}
			}
			before := counter.trips.Load()
			for range decisions {
				if err := mustAdmit(ctx, g, mode); err != nil {
					return err
				}
			}
			s.rec.now(Event{Who: mode, What: RoundTrips, Figures: map[string]float64{
				"decisions": float64(decisions), "round_trips": float64(counter.trips.Load() - before),
			}})
			return nil
		}()
		if err != nil {
			return err
		}
	}
	return nil
}

// mustAdmit makes a request that nothing stands against.
func mustAdmit(ctx context.Context, g gatekeeper, mode string) error {
	ok, err := g.allow(ctx, "caller")
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", mode, err)
	case !ok:
		return fmt.Errorf("%s: denied, under a limit that is not reached: is Redis gone?", mode)
	}
	return nil
}

// abuserRate is how many attempts per second an abuser makes.
const abuserRate = 50_000

// measureAbuser has many goroutines hammer at one key, after what there was is used up, and counts what reaches Redis.
func (s *limitStage) measureAbuser(ctx context.Context) error {
	if !s.uses(ModeStrict) {
		return nil
	}
	s.cfg.OnProgress("an abuser hammers at one key")
	p := s.place(purposeAbuser, s.cfg.Max, s.cfg.Per)
	client := p.redis()
	defer client.Close()
	limit := ratelimit.Limit{Max: s.cfg.Max, Per: s.cfg.Per, Kind: ratelimit.Bucket{Burst: min(s.cfg.Max, 20)}} // It gets one each Per/Max.
	l, err := ratelimit.New(client, limit, ratelimit.Config{Prefix: p.Name + ":", Timeout: limitTimeout})
	if err != nil {
		return err
	}
	defer l.Close()
	for l.Stats().Denied[ratelimit.FromDenyCache] == 0 {
		if _, err := l.Allow(ctx, "abuser"); err != nil {
			return err
		}
	}
	interval := s.cfg.Per / time.Duration(s.cfg.Max)
	length := max(min(2*time.Second, s.cfg.For/3), 5*interval)
	before, began := l.Stats(), time.Now()
	within, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var attempts atomic.Int64
	var wg sync.WaitGroup
	for range s.cfg.Callers {
		wg.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for mine := 0; within.Err() == nil; {
				due := int(time.Since(began).Seconds() * abuserRate / float64(s.cfg.Callers))
				for ; mine < due && within.Err() == nil; mine++ {
					if _, err := l.Allow(within, "abuser"); err == nil {
						attempts.Add(1)
					}
				}
				select {
				case <-tick.C:
				case <-within.Done():
				}
			}
		})
	}
	wg.Wait()
	took, after := time.Since(began), l.Stats()
	s.rec.now(Event{Who: ModeStrict, What: Abused, Figures: map[string]float64{
		"attempts": float64(attempts.Load()), "seconds": roundMs(took.Seconds()), "calls": float64(after.Questions - before.Questions),
		"intervals": roundMs(float64(took) / float64(interval)),
	}})
	return ctx.Err()
}

// measureSpeed lets callers want decisions about one key all the time, mode by mode in turns.
func (s *limitStage) measureSpeed(ctx context.Context) error {
	return s.race(ctx, Speed, purposeSpeed, s.cfg.Modes, s.redis.Addrs()[0], s.cfg.For*3/5, 20*time.Millisecond, 120*time.Millisecond)
}

// measureFar does the same over links that make a round trip two milliseconds longer, with the modes that are compared there.
func (s *limitStage) measureFar(ctx context.Context) error {
	var modes []string
	for _, m := range []string{ModeStrict, ModeRedisRate, ModeLockRedis, ModeLockZooKeeper} {
		if s.uses(m) {
			modes = append(modes, m)
		}
	}
	if len(modes) < 2 {
		return nil
	}
	link, err := s.far.Link(ctx, onRedis, s.redis.Addrs()[0])
	if err != nil {
		return err
	}
	return s.race(ctx, SpeedFar, purposeFar, modes, link.Addr(), s.cfg.For*2/5, 100*time.Millisecond, 500*time.Millisecond)
}

// race measures modes in turns, with callers that want decisions about one key, and records each turn. A lap takes so long that there are some ten turns, but no less than least and no more than most.
func (s *limitStage) race(ctx context.Context, what, purpose string, modes []string, redisAddr string, length, least, most time.Duration) error {
	each := min(max(length/time.Duration(12*len(modes)), least), most)
	where := map[string]string{Speed: "on this machine", SpeedFar: "2ms away"}[what]
	p := s.place(purpose, speedLimit, time.Minute)
	p.Redis, p.Batch = redisAddr, fastBatch
	if what == SpeedFar && s.zk != nil {
		var err error
		if p.ZooKeeper, err = s.farZooKeeper(ctx); err != nil {
			return err
		}
	}
	gates := make([]gatekeeper, len(modes))
	defer func() {
		for _, g := range gates {
			if g != nil {
				g.close()
			}
		}
	}()
	for i, m := range modes {
		var err error
		if gates[i], err = openGate(ctx, m, p); err != nil {
			return err
		}
		if err := mustAdmit(ctx, gates[i], m); err != nil {
			return err
		}
	}
	nth := make([]int, len(modes)) // decision is timed, of each mode
	warm := true
	for turn, began := 0, time.Now(); time.Since(began) < length || turn < 6; turn++ {
		for k := range modes {
			i := (turn + k) % len(modes)
			s.cfg.OnProgress(fmt.Sprintf("measuring %s: %s, %d callers at one key", where, modes[i], s.cfg.Callers))
			lap, err := runLap(ctx, s.cfg.Callers, each, nth[i], func(ctx context.Context) error { return mustAdmit(ctx, gates[i], modes[i]) })
			if err != nil {
				return err
			}
			if warm {
				nth[i] = every(lap)
			} else {
				s.rec.now(Event{Who: modes[i], What: what, Run: turn, Figures: lap.figures()})
			}
		}
		warm = false
		if turn > 400 {
			break
		}
	}
	return nil
}

// farZooKeeper makes links to the ZooKeeper that are as long.
func (s *limitStage) farZooKeeper(ctx context.Context) (addrs []string, err error) {
	for i, addr := range s.zk.addrs {
		link, err := s.far.Link(ctx, fmt.Sprintf("%s-%d", onZooKeeper, i), addr)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, link.Addr())
	}
	return addrs, nil
}

// A lap is what some callers got done in a while.
type lap struct {
	done   int64
	failed int64
	took   time.Duration
	each   []time.Duration // how long a decision took, sorted; of a sample
}

func (l lap) figures() map[string]float64 {
	at := func(q float64) float64 { return Ms(l.each[min(int(q*float64(len(l.each))), len(l.each)-1)]) }
	return map[string]float64{
		"per_s": roundMs(float64(l.done) / l.took.Seconds()), "p50_ms": at(0.5), "p99_ms": at(0.99), "errors": float64(l.failed),
	}
}

// lapSample bounds how many times of each caller are kept.
const lapSample = 4096

// every says which decisions are timed of a mode that was as fast as that: one of so many that looking at the clock costs little. It is the same for all callers, as who waits long makes few.
func every(l lap) int { return 1 + int(float64(l.done)/l.took.Seconds()/100_000) }

// runLap runs what callers do for a while: until the first decision after the time that each of them has is done. It times one of so many decisions, 0 meaning all.
func runLap(ctx context.Context, callers int, length time.Duration, nth int, do func(ctx context.Context) error) (lap, error) {
	var mu sync.Mutex // guards l
	var l lap
	var counting atomic.Bool
	var done, failed atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			var mine []time.Duration
			for n := 0; ; n++ {
				select {
				case <-stop:
					mu.Lock()
					l.each = append(l.each, mine...)
					mu.Unlock()
					return
				default:
				}
				timed := n%max(nth, 1) == 0
				var began time.Time
				if timed {
					began = time.Now()
				}
				if do(ctx) != nil {
					failed.Add(1)
					continue
				}
				done.Add(1)
				if timed && counting.Load() && len(mine) < lapSample {
					mine = append(mine, time.Since(began))
				}
			}
		})
	}
	err := sleep(ctx, length/4) // The callers come and go at the ends, so only the middle is looked at.
	counting.Store(true)
	began, before := time.Now(), done.Load()
	for err == nil && (time.Since(began) < length || done.Load() == before && time.Since(began) < patience) {
		err = sleep(ctx, max(time.Millisecond, length-time.Since(began)))
	}
	l.took, l.done = time.Since(began), done.Load()-before
	close(stop)
	wg.Wait()
	l.failed = failed.Load()
	if err == nil && len(l.each) == 0 {
		l.each = []time.Duration{l.took}
	}
	slices.SortFunc(l.each, cmp.Compare[time.Duration])
	return l, err
}
