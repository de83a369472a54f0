package zktest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A generator makes random calls on a small space of names, so that collisions, missing parents, full directories and watches on them are the rule.
// The same seed and the same answers make the same calls.
type generator struct {
	*rand.Rand
	seen    int64    // The newest zxid.
	numbers []string // Sequential nodes that exist, or did.
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0x5eed))}
}

// The names of the levels of the tree. Three levels of three make 39 nodes.
const (
	levels = 3
	width  = 3
	hoard  = 40 // Sequential nodes from which on they are removed rather than made.
)

// learn remembers what the reference answered, as far as later calls use it.
func (g *generator) learn(a answer) {
	if f := a.get("zxid"); f != nil {
		g.seen = max(g.seen, f.num)
	}
	if a.call == nil {
		return
	}
	if c := a.call; a.failed() == codeNoNode || c.op == opDelete && a.failed() == 0 {
		g.numbers = slices.DeleteFunc(g.numbers, func(path string) bool { return path == c.path })
	}
	for _, f := range a.fields {
		if f.name == "path" && a.call.op != opSync && isNumbered(f.text) {
			g.numbers = append(g.numbers, f.text)
		}
	}
}

// isNumbered reports whether a path ends with the number of a sequential node.
func isNumbered(path string) bool {
	tail := strings.TrimLeft(path[strings.LastIndexByte(path, '/')+1:], "-abmn")
	return len(tail) == 10
}

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

// node returns a path of the name space.
func (g *generator) node() string {
	path := ""
	for range 1 + g.IntN(levels) {
		path += "/" + string(rune('a'+g.IntN(width)))
	}
	return path
}

// path returns what a call is about: mostly a node of the name space, a sequential one, or seldom what every server has, or what no server takes.
func (g *generator) path() string {
	switch n := g.IntN(100); {
	case n < 12 && len(g.numbers) > 0:
		return pick(g, g.numbers)
	case n < 15:
		return "/"
	case n < 17:
		return pick(g, []string{"/zookeeper", "/zookeeper/config", "/zookeeper/quota", "/zookeeper/none"})
	case n < 19:
		return pick(g, []string{"", "a", "/a/", "//a", "/a//b", "/a/./b", "/a/../b", "/.", "/a/..", "/a\x00b", "/a/\x1f", "/\u007f", "/a/\u00e9\u20ac", "/\ufff0"})
	case n < 20:
		return g.node() + "/" + string(rune('a'+g.IntN(width)))
	default:
		return g.node()
	}
}

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

func (g *generator) data() []byte {
	switch n := g.IntN(12); n {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2:
		return []byte(strings.Repeat("0123456789", 1+g.IntN(100)))
	default:
		return fmt.Appendf(nil, "%d", g.IntN(1000))
	}
}

// version returns one that often is right, and often is not.
func (g *generator) version() int32 {
	switch n := g.IntN(10); {
	case n < 5:
		return -1
	case n == 9:
		return pick(g, []int32{-2, 17, 1 << 30, -1 << 31})
	default:
		return int32(g.IntN(3))
	}
}

// packet returns calls to be sent together. A setACL ends it, as tolerances says.
func (g *generator) packet() []call {
	var calls []call
	for range 1 + g.IntN(12) {
		c := g.call()
		calls = append(calls, c)
		if c.op == opSetACL {
			break
		}
	}
	return calls
}

// call returns a call that can be sent together with others.
func (g *generator) call() call {
	if len(g.numbers) > hoard {
		return callVersion(opDelete, pick(g, g.numbers), -1)
	}
	switch n := g.IntN(200); {
	case n < 38:
		return g.create()
	case n < 58:
		return callVersion(opDelete, g.path(), g.version())
	case n < 72:
		return callWatch(opExists, g.path(), g.chance(2))
	case n < 86:
		return callWatch(opGetData, g.path(), g.chance(2))
	case n < 104:
		return callSetData(g.path(), g.data(), g.version())
	case n < 109:
		return callPath(opGetACL, g.path())
	case n < 114:
		return g.setACL()
	case n < 121:
		return callWatch(opGetChildren, g.path(), g.chance(2))
	case n < 132:
		return callWatch(opGetChildren2, g.path(), g.chance(2))
	case n < 135:
		return callPath(opSync, g.path())
	case n < 153:
		return g.multi()
	case n < 158:
		return g.multiRead()
	case n < 163:
		return g.setWatches()
	case n < 171:
		return callMode(opAddWatch, g.path(), pick(g, []int32{0, 0, 0, 1, 1, 1, 1, 2}))
	case n < 176:
		return callMode(opCheckWatches, g.watched(), g.watcher())
	case n < 182:
		return callMode(opRemoveWatches, g.watched(), g.watcher())
	case n < 185:
		return callPath(opGetEphemerals, pick(g, []string{"/", "/a", "/a/b", "", "/c", "b"}))
	case n < 188:
		return callPath(opGetAllChildrenNumber, g.path())
	case n < 190:
		return call{op: opWhoAmI}
	case n < 194:
		return call{op: opPing, xid: xidPing}
	default:
		return g.broken()
	}
}

// watched returns a path on which there may be a watch.
func (g *generator) watched() string { return g.path() }

// watcher returns a type of watches, as checkWatches and removeWatches have it: children, data, any, and what there is not.
func (g *generator) watcher() int32 { return pick(g, []int32{1, 1, 2, 2, 3, 3, 3, 4, 5, 0}) }

// create returns one of all kinds of creates.
func (g *generator) create() call {
	path, a := g.node(), g.acl()
	if g.chance(10) {
		path = g.path()
	}
	switch n := g.IntN(20); {
	case n < 7:
		return callCreate(pick(g, []int32{opCreate, opCreate2}), path, g.data(), a, persistent, 0)
	case n < 11:
		return callCreate(pick(g, []int32{opCreate, opCreate2}), path, g.data(), a, ephemeral, 0)
	case n < 15:
		return callCreate(pick(g, []int32{opCreate, opCreate2}), g.numbered(), g.data(), a, pick(g, []int32{sequential, ephemeralSequential}), 0)
	case n < 17:
		return callCreate(opCreateContainer, path, g.data(), a, container, 0)
	case n < 18:
		return callCreate(opCreateTTL, path, g.data(), a, persistentTTL, g.ttl())
	case n < 19:
		return callCreate(opCreateTTL, g.numbered(), g.data(), a, persistentSequentTTL, g.ttl())
	default:
		return g.mismatched(path, a)
	}
}

// mismatched returns a create with flags that do not belong to its operation, or to none. Those that tolerances names are left out.
func (g *generator) mismatched(path string, a acl) call {
	op := pick(g, []int32{opCreate, opCreate2, opCreateContainer, opCreateTTL})
	flags := g.Int32N(9) - 1
	for op == opCreateContainer && (flags == ephemeral || flags == ephemeralSequential) {
		flags = g.Int32N(9) - 1
	}
	ttl := g.ttl()
	if op == opCreateTTL {
		ttl = max(ttl, 0)
	}
	return callCreate(op, path, g.data(), a, flags, ttl)
}

// ttl returns one in milliseconds: no node lives so long that it is reaped, or so short.
func (g *generator) ttl() int64 {
	return pick(g, []int64{3_600_000, 7_200_000, 1<<40 - 1, 1 << 40, 0, -1})
}

// numbered returns the path of a sequential create.
func (g *generator) numbered() string {
	path := g.node()
	return path[:strings.LastIndexByte(path, '/')+1] + pick(g, []string{"", "n-", "a", "m/"})
}
