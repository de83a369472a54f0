package zklock_test

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/zktest"
)

// A claim is one acquisition, as its owner sees it.
type claim struct {
	who      string
	path     string // of its node
	token    fence.Token
	believes func() bool
	gone     time.Time // when its node was first seen to be gone
}

// A referee is told who believes to hold the lock, looks at the server itself, and notes what must not be.
//
// What an operator does by hand, to a node or to a session that lives, is outside of what a client can know in time. Such claims may overlap with the next one until
// word of it has arrived; their tokens are no excuse for anything.
type referee struct {
	zk    *zktest.Server
	start time.Time

	mu       sync.Mutex // guards below
	diary    []string
	wrong    []string
	claims   []*claim         // those that may still be believed
	newest   fence.Token      // of all claims
	creators map[string]int64 // sessions, by the name that they asked for
	nodes    map[string]bool  // that were deleted by hand
	sessions map[int64]bool   // that were ended by hand
	told     map[string]int   // what happened, so that a test can see that it did
}

func newReferee(zk *zktest.Server) *referee {
	return &referee{
		zk: zk, start: time.Now(), creators: make(map[string]int64), nodes: make(map[string]bool), sessions: make(map[int64]bool), told: make(map[string]int),
	}
}

// note writes into the diary, which is printed when something is wrong.
func (r *referee) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteLocked(format, args...)
}

func (r *referee) noteLocked(format string, args ...any) {
	r.diary = append(r.diary, fmt.Sprintf("%9.3f s  %s", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...)))
}

// count notes that something happened.
func (r *referee) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[what]++
}

// fault notes what must not be.
func (r *referee) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faultLocked(format, args...)
}

func (r *referee) faultLocked(format string, args ...any) {
	r.noteLocked("WRONG: "+format, args...)
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// created is told of every request to create a node: all that is known of it beforehand is its name without the number.
func (r *referee) created(path string, session int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.creators[path] = session
}

// excusedLocked reports whether somebody took the node away by hand.
func (r *referee) excusedLocked(c *claim) bool {
	return r.nodes[c.path] || r.sessions[r.creators[c.path[:len(c.path)-10]]]
}

// byHand is told before somebody deletes a node.
func (r *referee) byHand(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[path] = true
}

// endedByHand is told before somebody ends a session.
func (r *referee) endedByHand(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[id] = true
}

// granted is told of a claim as soon as there is one.
func (r *referee) granted(c *claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteLocked("%s holds with token %v", c.who, c.token)
	r.told["grant"]++
	if !c.believes() {
		r.noteLocked("%s knows already that it is over", c.who)
		r.told["over at once"]++
		return
	}
	excused := r.excusedLocked(c)
	if !excused && !r.newest.Less(c.token) {
		r.faultLocked("the token of %s, %v, is not greater than %v", c.who, c.token, r.newest)
	}
	if r.newest.Less(c.token) {
		r.newest = c.token
	}
	believed := r.claims[:0]
	for _, other := range r.claims {
		if !other.believes() {
			continue
		}
		believed = append(believed, other)
		if excused || r.excusedLocked(other) {
			r.told["excused overlap"]++
			continue
		}
		r.faultLocked("two owners: %s with token %v and %s with token %v", other.who, other.token, c.who, c.token)
	}
	r.claims = append(believed, c)
}

// refused is told that the resource refuses the token of c as stale.
func (r *referee) refused(c *claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told["stale write refused"]++
	if c.believes() && !r.excusedLocked(c) {
		r.faultLocked("%s still believes when a newer token than %v has been seen", c.who, c.token)
	}
}

// look compares what is believed with what there is.
func (r *referee) look() {
	there := make(map[string]bool)
	for _, s := range r.zk.Sessions() {
		for _, path := range s.Ephemerals {
			there[path] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	believed := r.claims[:0]
	for _, c := range r.claims {
		if !c.believes() {
			continue
		}
		believed = append(believed, c)
		switch {
		case there[c.path]:
		case !r.excusedLocked(c):
			r.faultLocked("%s believes, and its node is gone", c.who)
		case c.gone.IsZero():
			c.gone = time.Now()
			r.told["excused belief"]++
		case time.Since(c.gone) > timeout:
			r.faultLocked("%s still believes %v after its node was deleted by hand", c.who, time.Since(c.gone))
		}
	}
	r.claims = believed
}

// verdict is empty when nothing was wrong.
func (r *referee) verdict() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) == 0 {
		return ""
	}
	return strings.Join(r.wrong, "\n") + "\n\nwhat happened:\n" + strings.Join(r.diary, "\n")
}
