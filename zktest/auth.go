package zktest

import (
	"slices"
	"strings"
)

// auth adds whom a client proves to be to what its connection may do. Who fails to is told so, and dropped.
func (q *call) auth() Code {
	q.in.i32() // of no use
	scheme, credentials := q.in.str(), q.in.data()
	who, ok := authenticate(scheme, credentials, q.c.ip)
	if q.in.broken || !ok {
		q.end = true
		return CodeAuthFailed
	}
	if !slices.Contains(q.c.who, who) {
		q.c.who = append(q.c.who, who)
	}
	return CodeOK
}

func (q *call) whoAmI() Code {
	q.out.i32(int32(len(q.c.who)))
	for _, w := range q.c.who {
		user := w.id
		if w.scheme == "digest" {
			user, _, _ = strings.Cut(w.id, ":")
		}
		q.out.str(w.scheme)
		q.out.str(user)
	}
	return CodeOK
}
