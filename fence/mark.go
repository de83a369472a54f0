package fence

import "sync"

// A Mark is a high-water mark: the greatest token that a resource has seen.
//
// It makes the comparison atomic, and nothing else. A guard built on it holds a lock of its own around Check and the effect, as [Memory]
// does; else a newer holder fits in between. A guard that persists stores Max together with the data, and after a restart hands it to Seal.
//
// A Mark must not be copied after first use. It is safe for concurrent use, and the zero Mark has seen no token and accepts any.
type Mark struct {
	mu  sync.Mutex // guards max
	max Token
}

// Check accepts a token that is not older than any seen before, and remembers it. It does not block.
// It returns nil when t is accepted. Otherwise the mark is as it was, and the error is a [*StaleError], or [ErrNoToken] for no token.
func (m *Mark) Check(t Token) error {
	if t.IsZero() {
		return ErrNoToken
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.Less(m.max) {
		return &StaleError{Have: t, Max: m.max}
	}
	m.max = t
	return nil
}

// Seal is Check under the name of its purpose: a new holder calls it before its first read or write, so that from here on no earlier holder
// gets in. Sealing twice with one token is harmless. The results and the state left behind are those of Check.
func (m *Mark) Seal(t Token) error { return m.Check(t) }

// Max returns the greatest token seen, the zero Token if there was none.
func (m *Mark) Max() Token {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.max
}
