package zklock_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// Times of a random story.
const (
	foulWeather = 6 * time.Second  // faults come for this long
	soon        = 10 * time.Second // everybody who wants the lock has had it this long after the last fault
)

var errTooLong = errors.New("nobody should wait as long as this")

// A plot is one random story: a few clients that want one lock, and a weather of faults, all of which follow from the seed. What happens at one instant of virtual time
// comes in an order that no seed decides.
type plot struct {
	*virtual
	r        *referee
	seed     uint64
	seeds    uint64 // handed out
	resource resource
	heedless bool // holders believe until they unlock: the control
	brisk    int  // how many times faster everybody is than in virtual time; 0 means as fast
	operator *session.Client
	stop     chan struct{}   // closed when the faults end
	bound    context.Context // ends soon after that, when all should be done
	wg       sync.WaitGroup

	mu           sync.Mutex // guards below
	planned      map[zktest.Op]planned
	acknowledged map[fence.Token]int
}

type planned struct {
	name  string
	fault zktest.Fault
}

// resource is what the lock protects: the history of all that was appended to it.
type resource interface {
	Seal(ctx context.Context, name string, t fence.Token) error
	Read(ctx context.Context, name string, t fence.Token) ([]fence.Token, bool, error)
	Write(ctx context.Context, name string, t fence.Token, history []fence.Token) error
	Peek(name string) fence.Entry[[]fence.Token]
}

const ledger = "ledger"

// random returns a source of its own for each who needs one, so that what one draws does not depend on when another does. It is called by one goroutine.
func (p *plot) random() *rand.Rand {
	p.seeds++
	return rand.New(rand.NewPCG(p.seed, p.seeds))
}

// play plays the story of a seed, and returns what happened and what was wrong.
func play(t *testing.T, seed uint64, heedless bool) (told map[string]int, wrong string) {
	t.Helper()
	ended := false
	defer func() {
		if !ended || !heedless && wrong != "" {
			t.Logf("to repeat it, in about the same way: %s=%d-%d go test -count=20 -run '^TestRandomStories$' ./zklock", seedsVariable, seed, seed)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		p := &plot{
			virtual: &virtual{stage: &stage{t: t, root: "/story", path: "/story/lock"}, zk: virtualServer(t)}, seed: seed, heedless: heedless,
			stop: make(chan struct{}), planned: make(map[zktest.Op]planned), acknowledged: make(map[fence.Token]int),
			resource: new(fence.Memory[[]fence.Token]),
		}
		if heedless {
			p.resource = new(unfenced)
		}
		p.r = newReferee(p.zk)
		p.play()
		told, wrong = p.r.told, p.r.verdict()
	})
	ended = true
	return told, wrong
}

func (p *plot) play() {
	p.operator = p.client(session.Config{Timeout: time.Minute})
	p.observer = p.live(p.operator)
	p.mkdir()
	rnd := p.random()
	var foreign []string
	if rnd.IntN(4) == 0 {
		foreign = []string{"notes"}
		p.put(session.Join(p.path, "notes"), "somebody's")
	}
	p.zk.OnRequest(p.onRequest)

	bound, tooLong := context.WithCancelCause(context.Background())
	defer tooLong(nil)
	p.bound = bound

	var lines []*line
	var clients []*session.Client
	for i := range 3 + rnd.IntN(3) {
		l := newLine(p.zk)
		cfg := session.Config{Timeout: timeout, Dial: l.dial}
		if rnd.IntN(2) == 0 {
			cfg.Tick = tick
		}
		if rnd.IntN(4) == 0 {
			cfg.Renewal = session.RenewByPings // one server: its pings do not lie
		}
		c := p.client(cfg)
		lines, clients = append(lines, l), append(clients, c)
		m := p.mutex(c)
		for j := range 1 + rnd.IntN(2) {
			x := &player{p: p, who: fmt.Sprintf("%c%d", 'A'+i, j+1), m: m, rnd: p.random()}
			p.wg.Go(x.run)
		}
	}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { p.watch(stop) })
	p.rage(lines)
	calm := time.Now()
	close(p.stop)
	late := time.AfterFunc(soon, func() { tooLong(errTooLong) })
	defer late.Stop()
	p.wg.Wait()
	close(stop)
	watching.Wait()
	p.r.note("all are done %v after the last fault", since(calm))

	// What is left of attempts that failed goes while its sessions live; then the sessions.
	time.Sleep(timeout + 2*tick)
	if left := p.children(); !slices.Equal(left, foreign) {
		p.r.fault("left behind: %v", left)
	}
	for _, c := range clients {
		p.close(c)
	}
	if n := len(p.zk.Sessions()); n != 1 {
		p.r.fault("%d sessions are left", n-1)
	}
	p.judge()
	for _, path := range p.byHand {
		p.remove(path)
	}
}

// watch looks at everybody a moment after each quarter of a tick: sessions expire at ticks.
func (p *plot) watch(done <-chan struct{}) {
	time.Sleep(time.Microsecond)
	for {
		p.r.look()
		select {
		case <-time.After(tick / 4):
		case <-done:
			return
		}
	}
}

// judge looks at the history of the resource.
func (p *plot) judge() {
	history := p.resource.Peek(ledger).Value
	found := make(map[fence.Token]int)
	for i, t := range history {
		if i > 0 && t.Less(history[i-1]) {
			p.r.fault("stale write: %v after %v", t, history[i-1])
		}
		found[t]++
	}
	for t, n := range p.acknowledged {
		if found[t] != n {
			p.r.fault("lost update: %d of %v were acknowledged, and %d are stored", n, t, found[t])
		}
	}
}

// onRequest has the next request of a kind meet its fault.
func (p *plot) onRequest(r zktest.Request) zktest.Fault {
	if r.Op == zktest.OpCreate2 {
		p.r.created(r.Path, r.Session)
	}
	if s, err := p.operator.Session(context.Background()); err != nil || s.ID() == r.Session {
		return zktest.Pass()
	}
	p.mu.Lock()
	f, ok := p.planned[r.Op]
	delete(p.planned, r.Op)
	p.mu.Unlock()
	if !ok {
		return zktest.Pass()
	}
	p.r.count(f.name)
	p.r.note("%s: op %d %s of session %#x", f.name, r.Op, r.Path, r.Session)
	return f.fault
}

// unfenced is a resource that looks at no token.
type unfenced struct {
	mu      sync.Mutex // guards history
	history []fence.Token
}

func (u *unfenced) Seal(context.Context, string, fence.Token) error { return nil }

func (u *unfenced) Read(context.Context, string, fence.Token) ([]fence.Token, bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.history, u.history != nil, nil
}

func (u *unfenced) Write(_ context.Context, _ string, _ fence.Token, history []fence.Token) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.history = history
	return nil
}

func (u *unfenced) Peek(string) fence.Entry[[]fence.Token] {
	u.mu.Lock()
	defer u.mu.Unlock()
	return fence.Entry[[]fence.Token]{Value: u.history}
}

// seedsVariable says how many random stories are told, or which ones: 5000, or 17-17.
const seedsVariable = "ZKKIT_SEEDS"

func seeds(t *testing.T, usual uint64) (first, last uint64) {
	t.Helper()
	from, to, ranged := strings.Cut(os.Getenv(seedsVariable), "-")
	if from == "" {
		return 1, usual
	}
	n, err := strconv.ParseUint(from, 10, 64)
	require.NoError(t, err, seedsVariable)
	if !ranged {
		return 1, n
	}
	last, err = strconv.ParseUint(to, 10, 64)
	require.NoError(t, err, seedsVariable)
	return n, last
}

// Random contenders under random faults. Whatever happens, nobody believes in a lock that another may have, tokens rise, the resource takes no stale write; and when the faults
// end, everybody gets the lock, and nothing is left.
func TestRandomStories(t *testing.T) {
	first, last := seeds(t, 60)
	var mu sync.Mutex // guards all
	all := make(map[string]int)
	began := time.Now()
	t.Run("all", func(t *testing.T) {
		lanes := uint64(runtime.GOMAXPROCS(0))
		for lane := range lanes {
			t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
				t.Parallel()
				for seed := first + lane; seed <= last; seed += lanes {
					told, wrong := play(t, seed, false)
					if wrong != "" {
						require.Failf(t, "a story went wrong", "seed %d\n%s", seed, wrong)
					}
					mu.Lock()
					for what, n := range told {
						all[what] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d stories in %v: %v", last-first+1, time.Since(began), all)
	if t.Failed() {
		return
	}
	if last-first < 50 {
		return
	}
	for _, what := range []string{
		"grant", "stale write refused", "gave up", "held by another", "lost by deadline", "lost by hand", "lost its place", "unlock not confirmed",
		"lose request", "lose reply", "delay",
	} {
		require.NotZero(t, all[what], "%s never happened", what)
	}
}

// The control: who believes until he unlocks, and writes to what looks at no token, is caught.
func TestRandomStoriesWithoutBelief(t *testing.T) {
	var owners, stale, updates bool
	for seed := uint64(1); seed < 50; seed++ {
		_, wrong := play(t, seed, true)
		owners = owners || strings.Contains(wrong, "two owners")
		stale = stale || strings.Contains(wrong, "stale write")
		updates = updates || strings.Contains(wrong, "lost update")
		if owners && stale && updates {
			return
		}
	}
	require.Failf(t, "the referee is blind", "two owners %t, a stale write %t, a lost update %t", owners, stale, updates)
}
