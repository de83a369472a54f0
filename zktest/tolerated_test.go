package zktest_test

import (
	"fmt"
	"slices"
	"strings"
)

// A tolerance is one way in which zktest and a real server may differ, or in which a real server differs from itself. All that there are stand in
// tolerances: whatever else an answer has is compared, byte by byte.
type tolerance struct {
	name   string
	reason string
	// normalise makes one of the forms that are as good as each other. It is nil for those that are not of a single answer, whose reasons say where they are.
	normalise func(s *side, a *answer)
}

func tolerances() []tolerance {
	return []tolerance{
		// Compared in another form.
		{"ctime and mtime", "the two servers execute one call at two moments, and their clocks are not compared", times},
		{"session ids", "a real server makes them of the time of its start; compared are the ordinals, in the answer to a connect and in ephemeralOwner", sessionIDs},
		{"passwords of sessions", "they are secrets; compared is their length, and that each server takes its own and no other", nil}, // In side.granted.
		{"order of children", "a real server keeps them in a hash set, clients sort them", childOrder},
		{"order of getEphemerals", "a hash set as well", nil}, // The field's kind is that of children.
		{"order of whoAmI", "a real server keeps a client's identities in a hash set", userOrder},
		{"order of the ids that auth: stands for", "a real server writes a client's identities into the ACL as its hash set has them; entries of other permissions stay where they are", authOrder},
		{"order of the events of a session's end", "a real server deletes a session's ephemerals in the order of a hash set; the events of one end are compared as a set", nil}, // In duel.renew.

		// Not asked, since a real server's answer depends on how much of the connection's earlier requests it has executed.
		{"what follows a setACL in one packet", "while a setACL is under way a real server goes by the old ACL", nil},                                                          // In generator.packet.
		{"what is sent together with an auth", "a real server answers it ahead of what came before", nil},                                                                      // In duel.auth.
		{"createContainer with the flags of an ephemeral", "while it is under way a real server takes the container for an ephemeral", nil},                                    // In generator.mismatched.
		{"a part of a multi with the flags of a TTL and without one", "a real server fails with a ClassCastException, and for a while the earlier parts seem to be done", nil}, // In generator.part.

		// Not asked, since no answer comes.
		{"createTTL of another mode with a negative TTL", "a real 3.8.0 server dies of it: zktest answers BadArguments", nil}, // In generator.mismatched.
		{"check outside a multi", "a real server throws a NullPointerException when it succeeds and answers nothing: zktest answers OK", nil},

		// Not asked, since it is not a matter of random calls. Other tests have what zktest promises of these.
		{"time", "expiry, containers and TTL nodes that are reaped: both servers are told that nothing is due", nil},
		{"limits", "messages above jute.maxbuffer, sequences near 2147483647, versions that overflow", nil},
		{"SASL, quotas, the super user, TLS, read-only mode, four-letter words", "zktest has none of these, or makes no promise of being the same", nil},
	}
}

func times(_ *side, a *answer) {
	for i, f := range a.fields {
		if f.kind == moment {
			a.fields[i].text = "~"
			if f.num <= 0 && f.num != 0 { // The root and the nodes that every server has are of time 0.
				a.fields[i].text = "before 1970"
			}
			if f.num == 0 {
				a.fields[i].text = "0"
			}
		}
	}
}

func sessionIDs(s *side, a *answer) {
	for i, f := range a.fields {
		if n, ok := s.ordinals[f.num]; f.kind == owner && f.num != 0 && ok {
			a.fields[i].text = fmt.Sprintf("session %d", n)
		}
	}
}

func childOrder(_ *side, a *answer) { sortLists(a, nameSet) }
func userOrder(_ *side, a *answer)  { sortLists(a, userSet) }

func sortLists(a *answer, k kind) {
	for _, f := range a.fields {
		if f.kind == k {
			slices.Sort(f.list)
		}
	}
}

// authOrder sorts neighbours that have the same permissions.
func authOrder(_ *side, a *answer) {
	for _, f := range a.fields {
		if f.kind != entries {
			continue
		}
		for from := 0; from < len(f.list); {
			perms, _, _ := strings.Cut(f.list[from], " ")
			to := from + 1
			for to < len(f.list) && strings.HasPrefix(f.list[to], perms+" ") {
				to++
			}
			slices.Sort(f.list[from:to])
			from = to
		}
	}
}

// sortEvents sorts each run of events among answers, and leaves the rest where it is.
func sortEvents(answers []answer) {
	for from := 0; from < len(answers); from++ {
		to := from
		for to < len(answers) && answers[to].what == event {
			to++
		}
		slices.SortFunc(answers[from:to], func(a, b answer) int { return strings.Compare(a.String(), b.String()) })
		from = to
	}
}
