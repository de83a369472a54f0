package zktest_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// mutants are one or more in each area that the differential test is about.
func mutants() []mutant {
	list := []mutant{
		{"zxids", "a failed write uses none up", each(func(_ *peer, a *answer) {
			if a.call != nil && a.call.changes() && a.failed() != 0 {
				a.get("zxid").num--
			}
		})},
		{"zxids", "a failed multi uses none up", each(func(_ *peer, a *answer) {
			if a.call != nil && a.call.op == opMulti && a.get("code") != nil {
				a.get("zxid").num--
			}
		})},
		{"stats", "deletions are not counted in cversion", each(func(_ *peer, a *answer) {
			if f, n := a.get("cversion"), a.get("children"); f != nil && f.num > n.num {
				f.num = (f.num + n.num) / 2
			}
		})},
		{"stats", "a deletion leaves the parent's pzxid", each(func(_ *peer, a *answer) {
			if f, n := a.get("cversion"), a.get("children"); f != nil && f.num > n.num {
				a.get("pzxid").num--
			}
		})},
		{"data", "null is the empty buffer", each(func(_ *peer, a *answer) {
			if f := a.get("data"); f != nil && f.text == "(null)" {
				f.text = ""
			}
		})},
		{"sequences", "off by one", each(func(_ *peer, a *answer) {
			if f := a.get("path"); f != nil && a.call != nil && a.call.flags&sequential != 0 {
				n, err := strconv.Atoi(f.text[len(f.text)-10:])
				if err == nil {
					f.text = fmt.Sprintf("%s%010d", f.text[:len(f.text)-10], n+1)
				}
			}
		})},
		{"children", "one name is missing", each(func(_ *peer, a *answer) {
			if f := a.get("names"); f != nil && len(f.list) > 1 {
				f.list = f.list[1:]
			}
		})},
		{"children", "all of them are counted one short", each(func(_ *peer, a *answer) {
			if a.call != nil && a.call.op == opGetAllChildrenNumber && a.failed() == 0 {
				a.get("n").num--
			}
		})},
		{"ACLs", "reading is not denied", notDenied(opGetData)},
		{"ACLs", "writing is not denied", notDenied(opSetData)},
		{"ACLs", "deleting is not denied", notDenied(opDelete)},
		{"ACLs", "creating is not denied", notDenied(opCreate)},
		{"ACLs", "an invalid one is taken", recode(-114, 0)},
		{"ACLs", "one entry is missing", each(func(_ *peer, a *answer) {
			if f := a.get("acl"); f != nil && len(f.list) > 1 {
				f.list = f.list[1:]
			}
		})},
		{"ACLs", "an identity is forgotten", each(func(_ *peer, a *answer) {
			if f := a.get("users"); f != nil && len(f.list) > 1 {
				f.list = f.list[1:]
			}
		})},
		{"errors", "a wrong version is taken", recode(-103, 0)},
		{"errors", "a node that is not empty is deleted", recode(-111, 0)},
		{"errors", "an ephemeral has children", recode(-108, 0)},
		{"errors", "a bad path is one that does not exist", recode(-8, codeNoNode)},
		{"errors", "a message that is cut off is taken", recode(-5, 0)},
		{"watches", "one event is missing", func() func(*peer, []answer) []answer { return onEvent(drop) }},
		{"watches", "a one-shot watch fires twice", func() func(*peer, []answer) []answer { return onEvent(twice) }},
		{"watches", "an event comes after the reply", func() func(*peer, []answer) []answer { return swap(event, reply) }},
		{"watches", "two events are in the other order", func() func(*peer, []answer) []answer { return swap(event, event) }},
		{"watches", "created is changed", each(func(_ *peer, a *answer) {
			if f := a.get("type"); f != nil && f.num == 1 {
				f.num = 3
			}
		})},
		{"watches", "setWatches tells nothing", func() func(*peer, []answer) []answer { return beforeReplyTo(opSetWatches) }},
		{"watches", "removeWatches finds what is not there", recode(-121, 0)},
		{"multi", "not rolled back", func() func(*peer, []answer) []answer { return notRolledBack() }},
		{"multi", "a failed check is passed over", each(func(_ *peer, a *answer) {
			if f := a.get("code"); f != nil && a.call.op == opMulti {
				for i := range a.fields {
					if a.fields[i].kind == code && a.fields[i].num == -103 {
						a.fields[i].num = 0
					}
				}
			}
		})},
		{"multi", "what comes after a failure has its error", each(func(_ *peer, a *answer) {
			for i := range a.fields {
				if a.fields[i].kind == code && a.fields[i].num == -2 {
					a.fields[i].num = a.get("code").num
				}
			}
		})},
		{"sessions", "an ephemeral outlives its session", func() func(*peer, []answer) []answer { return outlives() }},
		{"sessions", "one ephemeral is not listed", each(func(_ *peer, a *answer) {
			if f := a.get("names"); f != nil && a.call.op == opGetEphemerals && len(f.list) > 0 {
				f.list = f.list[1:]
			}
		})},
		{"sessions", "the timeout is not bounded", each(func(_ *peer, a *answer) {
			if f := a.get("timeout"); f != nil && f.num == maxSession.Milliseconds() {
				f.num++
			}
		})},
		{"sessions", "a wrong password does", each(func(_ *peer, a *answer) {
			if f := a.get("session"); f != nil && f.num == 0 {
				f.num = 1
			}
		})},
		{"sessions", "a second connection does not end the first", func() func(*peer, []answer) []answer { return silent() }},
	}
	for _, name := range []string{"czxid", "mzxid", "version", "cversion", "aversion", "owner", "dataLength", "children", "pzxid"} {
		list = append(list, mutant{"stats", name + " is off by one, once in a hundred", seldom(name)})
	}
	return list
}

// outlives remembers the ephemerals that were created, and shows them after their session was closed.
func outlives() func(*peer, []answer) []answer {
	owned, ghosts := map[int64]map[string]bool{}, map[string]bool{}
	return forEach(func(p *peer, a *answer) {
		c := a.call
		switch {
		case c == nil:
		case a.failed() == 0 && c.flags&ephemeral != 0 && c.flags <= ephemeralSequential && a.get("path") != nil:
			if owned[p.session] == nil {
				owned[p.session] = map[string]bool{}
			}
			owned[p.session][a.get("path").text] = true
		case c.op == opDelete && a.failed() == 0:
			for _, paths := range owned {
				delete(paths, c.path)
			}
		case c.op == opCloseSession:
			maps.Copy(ghosts, owned[p.session])
		case (c.op == opExists || c.op == opGetData || c.op == opDelete) && a.failed() == codeNoNode && ghosts[c.path]:
			a.get("err").num = 0
		}
	})
}

// notRolledBack remembers what failed multis would have created, and shows it.
func notRolledBack() func(*peer, []answer) []answer {
	ghosts := map[string]bool{}
	return forEach(func(_ *peer, a *answer) {
		switch c := a.call; {
		case c == nil:
		case c.op == opMulti && a.get("code") != nil && a.get("code").num == 0 && c.parts[0].op == opCreate2:
			ghosts[c.parts[0].path] = true
		case (c.op == opExists || c.op == opGetData || c.op == opSetData) && a.failed() == codeNoNode && ghosts[c.path]:
			a.get("err").num = 0
		}
	})
}

// seldom makes a field of a stat wrong once in a hundred times.
func seldom(name string) func() func(*peer, []answer) []answer {
	return func() func(*peer, []answer) []answer {
		n := 0
		return forEach(func(_ *peer, a *answer) {
			if f := a.get(name); f != nil {
				if n++; n%100 == 0 {
					f.num++
				}
			}
		})
	}
}

// silent answers nothing where a connection ends and nothing else happens.
func silent() func(*peer, []answer) []answer {
	return func(_ *peer, answers []answer) []answer {
		return slices.DeleteFunc(answers, func(a answer) bool { return a.what == closed && len(answers) == 1 })
	}
}
