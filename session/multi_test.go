package session

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The reply to a multi is believed only if it answers what was asked, whole.
func TestResultsOfAMulti(t *testing.T) {
	record := func(b *jute, op int32) *jute { return b.i32(op).flag(false).i32(0) }
	end := func(b *jute) *jute { return b.i32(-1).flag(true).i32(-1) }
	refused := func(b *jute, code int32) *jute { return record(b, opError).i32(code) }
	check := func() *jute { return record(new(jute), opCheck) }
	for name, c := range map[string]struct {
		reply *jute
		index int // of the operation that was refused
		err   error
	}{
		"two checks":               {end(record(check(), opCheck)), 0, nil},
		"the first is refused":     {end(refused(refused(new(jute), -101), -2)), 0, ErrNoNode},
		"the second is refused":    {end(refused(refused(new(jute), 0), -103)), 1, ErrBadVersion},
		"nothing":                  {new(jute), 0, ErrUnknownOutcome},
		"an end and nothing else":  {end(new(jute)), 0, ErrUnknownOutcome},
		"one of two":               {end(check()), 0, ErrUnknownOutcome},
		"three of two":             {end(record(record(check(), opCheck), opCheck)), 0, ErrUnknownOutcome},
		"without an end":           {record(check(), opCheck), 0, ErrUnknownOutcome},
		"a set that breaks off":    {record(check(), opSetData).i64(7), 0, ErrUnknownOutcome},
		"a create that breaks off": {record(check(), opCreate).i32(99), 0, ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := new(Session).results(&reading{b: *c.reply}, 2)
			if c.err == nil {
				require.NoError(t, err)
				require.Len(t, results, 2)
				return
			}
			require.ErrorIs(t, err, c.err)
			require.Nil(t, results)
			var m *MultiError
			if c.err != ErrUnknownOutcome { //nolint:errorlint // It is the sentinel itself.
				require.ErrorAs(t, err, &m)
				require.Equal(t, c.index, m.Index)
			}
		})
	}
}
