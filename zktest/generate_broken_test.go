package zktest_test

// broken returns a call that nobody should make.
func (g *generator) broken() call {
	switch g.IntN(6) {
	case 0:
		return callPath(opDeleteContainer, g.node())
	case 1:
		return call{op: opReconfig, body: encoder{}.text("server.1=x").text("").text("").long(-1), args: "joining"}
	case 2: // A read among writes.
		return callMulti(opMulti, []call{callSetData(g.node(), g.data(), -1), callWatch(opGetData, g.node(), false)})
	default: // Any call, cut off.
		c := g.whole()
		c.body = c.body[:g.IntN(len(c.body))]
		c.args += " cut off"
		return c
	}
}

// whole returns a call that may be cut off, at any place and with the same result.
func (g *generator) whole() call {
	switch g.IntN(12) {
	case 0:
		return callCreate(opCreate, g.node(), g.data(), g.acl(), persistent, 0)
	case 1:
		return callCreate(opCreate2, g.node(), g.data(), g.acl(), persistent, 0)
	case 2:
		return callSetData(g.node(), g.data(), -1)
	case 3:
		return callVersion(opDelete, g.node(), -1)
	case 4:
		return callSetACL(g.node(), g.acl(), -1)
	case 5:
		return callMode(pick(g, []int32{opAddWatch, opCheckWatches, opRemoveWatches}), g.node(), 1)
	case 6:
		return callPath(pick(g, []int32{opSync, opGetACL, opGetEphemerals, opGetAllChildrenNumber}), g.node())
	case 7:
		return callMulti(pick(g, []int32{opMulti, opMultiRead}), []call{})
	case 8:
		return g.multi()
	case 9:
		return g.multiRead()
	case 10:
		return g.setWatches()
	default:
		return callWatch(pick(g, []int32{opExists, opGetData, opGetChildren, opGetChildren2}), g.node(), true)
	}
}
