package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/partition"
)

// When things happen while users do their worst, in periods of the limit from the beginning.
const (
	flushAt   = 0.3 // the scripts are forgotten
	cutAt     = 0.5 // a fifth of the servers are cut off from Redis
	healAt    = 0.8
	restartAt = 2.35 // Redis is restarted, and is empty then
)

// length is how long users do their worst. After the restart they have time enough for servers to find out that Redis is back, and little more.
func (s *limitStage) length() time.Duration {
	return s.of(restartAt) + max(s.cfg.Per/2, min(s.cfg.Per, 4*time.Second))
}

// offBy is how wrong the time of day of the last server is.
func offBy(per time.Duration) time.Duration { return per / 3 }

// of returns that many periods.
func (s *limitStage) of(periods float64) time.Duration {
	return time.Duration(periods * float64(s.cfg.Per))
}

// play has all servers limit all users in all modes at the same time, while things break, and records in which period most was admitted.
func (s *limitStage) play(ctx context.Context) error {
	s.cfg.OnProgress(fmt.Sprintf("starting %d servers' processes", s.cfg.Servers))
	cut := max(1, s.cfg.Servers/5)
	link, err := s.network.Link(ctx, "servers-redis", s.redis.Addrs()[0])
	if err != nil {
		return err
	}
	for i := range s.cfg.Servers {
		job := limitJob{
			Server: i, Servers: s.cfg.Servers, Users: s.cfg.Users, Modes: s.cfg.Modes, Place: s.place(purposePlay, s.cfg.Max, s.cfg.Per), For: s.length(),
		}
		if i < cut {
			job.Place.Redis = link.Addr()
		}
		if i == s.cfg.Servers-1 {
			job.Place.Off = offBy(s.cfg.Per)
		}
		w, err := startLimitServer(s.cfg.Worker, job)
		if err != nil {
			return err
		}
		s.servers = append(s.servers, w)
	}
	within, cancel := context.WithTimeoutCause(ctx, 2*patience, fmt.Errorf("not ready after %v", 2*patience))
	defer cancel()
	for _, w := range s.servers {
		if err := w.awaitReady(within); err != nil {
			return err
		}
	}
	begin, zero := machineTime()+300*time.Millisecond, time.Now().Add(300*time.Millisecond)
	s.rec.start(zero)
	for _, w := range s.servers {
		if err := w.begin(begin); err != nil {
			return err
		}
	}
	s.rec.add(zero, Event{Who: WhoHarness, What: Began, Detail: fmt.Sprintf("%d servers, the time of day of the last one wrong by %v", s.cfg.Servers, offBy(s.cfg.Per))})
	broke, err := s.breakThings(ctx, zero, link)
	if err != nil {
		return err
	}
	return s.gather(ctx, broke.Sub(zero))
}

// breakThings does what is planned, and returns when Redis was told to restart.
func (s *limitStage) breakThings(ctx context.Context, zero time.Time, link *partition.Link) (restarted time.Time, err error) {
	client := redis.NewClient(&redis.Options{Addr: s.redis.Addrs()[0], ContextTimeoutEnabled: true})
	defer client.Close()
	var cut *partition.Cut
	for _, step := range []struct {
		at  time.Duration
		say string
		do  func() error
	}{
		{s.of(flushAt), "users do their worst; then the scripts are flushed", func() error {
			s.rec.now(Event{Who: WhoHarness, What: Flushed, Detail: "SCRIPT FLUSH"})
			return client.ScriptFlush(ctx).Err()
		}},
		{s.of(cutAt), "then a fifth of the servers are cut off from Redis", func() error {
			var err error
			cut, err = link.Cut(ctx, partition.Drop, partition.Both)
			s.rec.now(Event{Who: WhoHarness, What: Cut, Detail: "a fifth of the servers are cut off from Redis"})
			return err
		}},
		{s.of(healAt), "a fifth of the servers are cut off from Redis", func() error {
			s.rec.now(Event{Who: WhoHarness, What: Heal})
			return cut.Heal(ctx)
		}},
		{s.of(restartAt), "users do their worst; then Redis is restarted, empty", func() error {
			restarted = time.Now()
			s.rec.now(Event{Who: WhoHarness, What: Restarting})
			if err := s.redis.Node(0).Restart(ctx); err != nil {
				return err
			}
			s.rec.now(Event{Who: WhoHarness, What: Restarted, Detail: "it is empty"})
			return nil
		}},
		{s.length(), "users do their worst at a Redis that has forgotten everything", func() error { return nil }},
	} {
		at := zero.Add(step.at)
		s.cfg.OnProgress(fmt.Sprintf("%s, in %v", step.say, time.Until(at).Round(time.Second)))
		if err := sleep(ctx, time.Until(at)); err != nil {
			return restarted, err
		}
		if err := step.do(); err != nil {
			return restarted, err
		}
	}
	return restarted, nil
}

// gather takes what the servers tell, and records the fullest periods.
func (s *limitStage) gather(ctx context.Context, restarted time.Duration) error {
	s.cfg.OnProgress("the servers tell what they admitted")
	within, cancel := context.WithTimeoutCause(ctx, 2*attemptTimeout, fmt.Errorf("nothing after %v", 2*attemptTimeout))
	defer cancel()
	type key struct {
		mode string
		user int
	}
	admitted, sums := map[key][]admission{}, map[key]*limitRecord{}
	for _, w := range s.servers {
		records, err := w.finish(within, len(s.cfg.Modes)*s.cfg.Users)
		if err != nil {
			return err
		}
		for _, r := range records {
			k := key{r.Mode, r.User}
			admitted[k] = append(admitted[k], r.Admitted...)
			if sums[k] == nil {
				sums[k] = &limitRecord{}
			}
			sums[k].Attempts += r.Attempts
			sums[k].Errors += r.Errors
			sums[k].Unanswered += r.Unanswered
			if sums[k].Error == "" {
				sums[k].Error = r.Error
			}
		}
	}
	for _, mode := range s.cfg.Modes {
		for user := range s.cfg.Users {
			k := key{mode, user}
			all := admitted[k]
			about := fmt.Sprintf("%s, %s", userName(user), loadOf(user))
			// What was admitted just after Redis was told to restart may have been admitted by the one before.
			for _, w := range []struct {
				what          string
				after, before time.Duration
			}{{FullestCalm, 0, restarted}, {FullestEver, 0, s.length() + attemptTimeout}} {
				best := most(all, s.cfg.Per, w.after, w.before)
				s.rec.now(Event{Who: mode, What: w.what, By: loadOf(user), Detail: about, Figures: map[string]float64{
					"admitted": float64(best.n), "from_ms": Ms(best.from), "until_ms": Ms(best.until),
				}})
			}
			late := 0
			for _, a := range all {
				if a.From > restarted+s.of(0.1) {
					late++
				}
			}
			s.rec.now(Event{Who: mode, What: Counted, By: loadOf(user), Detail: sums[k].Error, Figures: map[string]float64{
				"attempts": float64(sums[k].Attempts), "admitted": float64(len(all)), "errors": float64(sums[k].Errors), "after_restart": float64(late),
				"unanswered": float64(sums[k].Unanswered),
			}})
		}
	}
	return nil
}
