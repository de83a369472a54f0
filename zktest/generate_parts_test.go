package zktest_test

// Users of the test, by their names and passwords, and as the digests that ACLs have: base64 of the SHA-1 of name:password.
const (
	ann       = "ann:secret"
	bob       = "bob:geheim"
	annDigest = "ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM="
	bobDigest = "bob:mrf61HGT2FlbVWeCEfmOztnhdrk="
)

const (
	permRead   = 1
	permWrite  = 2
	permCreate = 4
	permDelete = 8
	permAdmin  = 16
	permAll    = 31
)

func openToAll() acl { return acl{{permAll, "world", "anyone"}} }

// acl returns what a new node gets. In most of those that deny something there is somebody who is denied nothing, so that no part of the tree freezes.
func (g *generator) acl() acl {
	if !g.chance(8) {
		return openToAll()
	}
	world := func(perms int32) permission { return permission{perms, "world", "anyone"} }
	return pick(g, []acl{
		{{permAll, "digest", annDigest}},
		{{permAll, "digest", bobDigest}},
		{{permAll, "digest", annDigest}, {permAll, "digest", bobDigest}},
		{{permAll, "auth", ""}},
		{{permAll, "auth", "ignored"}, world(permRead)},
		{world(permRead), {permAll, "digest", annDigest}},
		{world(permRead | permCreate), {permAll, "digest", bobDigest}},
		{world(permAll &^ permDelete), {permAll, "digest", annDigest}},
		{world(permAll &^ permWrite)},
		{world(permAll &^ permRead)},
		{world(permAdmin | permDelete | permCreate), {permRead, "digest", annDigest}},
		{{permAll, "ip", "127.0.0.1"}},
		{{permAll, "ip", "127.0.0.0/8"}},
		{{permRead, "ip", "10.0.0.1"}, {permAll, "digest", annDigest}},
		{{permAll, "ip", "10.0.0.0/99"}},
		{world(permAll), world(permAll)},
		{world(0), {permAll, "digest", annDigest}},
		{{permAll, "world", "nobody"}},
		{{permAll, "digest", "without a colon"}},
		{{permAll, "no-such-scheme", "x"}},
		{},
	})
}

// setACL opens nodes more often than it closes them. The root stays open: whoever closes it has ended the test.
func (g *generator) setACL() call {
	path, a := g.path(), g.acl()
	if path == "/" || path == "" || path == "/zookeeper" {
		path = "/a"
	}
	return callSetACL(path, a, g.version())
}

// multi returns a transaction: half of them are of parts that often succeed, so that the whole does.
func (g *generator) multi() call {
	parts := make([]call, g.IntN(5))
	tame := g.chance(2)
	for i := range parts {
		if tame {
			parts[i] = g.tame()
		} else {
			parts[i] = g.part()
		}
	}
	return callMulti(opMulti, parts)
}

// part returns a call that can be a part of a multi, and seldom one that cannot.
func (g *generator) part() call {
	switch n := g.IntN(40); {
	case n < 14:
		c := g.create()
		for c.op != opCreateTTL && (c.flags == persistentTTL || c.flags == persistentSequentTTL) { // See tolerances.
			c = g.create()
		}
		return c
	case n < 22:
		return callVersion(opDelete, g.path(), g.version())
	case n < 32:
		return callSetData(g.path(), g.data(), g.version())
	default:
		return callVersion(opCheck, g.path(), g.version())
	}
}

// tame returns a part that often succeeds.
func (g *generator) tame() call {
	path := "/" + string(rune('a'+g.IntN(width)))
	switch g.IntN(6) {
	case 0:
		return callCreate(opCreate2, path+"/"+string(rune('a'+g.IntN(width))), g.data(), openToAll(), pick(g, []int32{persistent, ephemeral}), 0)
	case 1, 2:
		return callCreate(opCreate, path+"/n-", g.data(), openToAll(), pick(g, []int32{sequential, ephemeralSequential}), 0)
	case 3:
		return callVersion(opCheck, path, -1)
	case 4:
		return callVersion(opDelete, path+"/"+string(rune('a'+g.IntN(width))), -1)
	default:
		return callSetData(path, g.data(), -1)
	}
}

func (g *generator) multiRead() call {
	parts := make([]call, g.IntN(4))
	for i := range parts {
		parts[i] = callWatch(pick(g, []int32{opGetData, opGetChildren}), g.path(), false)
	}
	return callMulti(opMultiRead, parts)
}

// setWatches returns what a client sends after it has reconnected: often with the zxid of now, at times with an old one, which makes events.
func (g *generator) setWatches() call {
	var lists [5][]string
	for i := range lists {
		for range g.IntN(3) {
			lists[i] = append(lists[i], g.path())
		}
	}
	seen := g.seen
	if g.chance(2) {
		seen = max(0, seen-g.Int64N(300))
	}
	return callSetWatches(pick(g, []int32{opSetWatches, opSetWatches2}), seen, lists)
}

// sweep deletes all that there may be, deepest first, so that the tree begins anew now and then.
func (g *generator) sweep() []call {
	var calls []call
	for _, path := range g.numbers {
		calls = append(calls, callVersion(opDelete, path, -1))
	}
	var below func(path string, depth int)
	below = func(path string, depth int) {
		if depth < levels {
			for i := range width {
				below(path+"/"+string(rune('a'+i)), depth+1)
			}
		}
		if path != "" {
			calls = append(calls, callVersion(opDelete, path, -1))
		}
	}
	below("", 0)
	return calls
}
