package fence

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrBadToken is returned, wrapped with the offending text, by [ParseToken] and [Token.UnmarshalText].
var ErrBadToken = errors.New("fence: not a token")

// A Token orders the holders of one lock: of two holds, the later one has the greater token.
//
// ID is the czxid of the lock's znode, which a ZooKeeper ensemble never uses twice and which rises from one holder to the next,
// also when the lock's directory was deleted and made again. Tokens of different ensembles, or from before the restore of an old
// snapshot, are not comparable: an operator who moves a lock to another ensemble raises Generation, which is compared first.
//
// The zero Token means "no token": no guard accepts it. A Token is a value: comparable with ==, usable as a map key, and safe to copy.
type Token struct {
	// Generation is configured by people, 0 unless an ensemble was replaced or restored.
	Generation uint32
	// ID is the czxid of the lock node: epoch in the upper 32 bits, counter in the lower.
	ID uint64
}

// Compare returns -1, 0 or +1 as t is older than, the same as, or newer than u.
func (t Token) Compare(u Token) int {
	return cmp.Or(cmp.Compare(t.Generation, u.Generation), cmp.Compare(t.ID, u.ID))
}

// Less reports whether t is older than u.
func (t Token) Less(u Token) bool { return t.Compare(u) < 0 }

// IsZero reports whether t is "no token". A token with an ID of 0 names no znode, whatever its generation.
func (t Token) IsZero() bool { return t.ID == 0 }

// String returns the ID in hexadecimal, as ZooKeeper's own tools print zxids, after the generation if there is one: "0x1f" or "2:0x1f".
func (t Token) String() string {
	if t.Generation == 0 {
		return fmt.Sprintf("%#x", t.ID)
	}
	return fmt.Sprintf("%d:%#x", t.Generation, t.ID)
}

// ParseToken reads what [Token.String] writes; the ID may also be decimal.
// It returns an error that wraps [ErrBadToken] for anything else, and for an ID of 0.
func ParseToken(s string) (Token, error) {
	t, err := parse(s)
	if err == nil && t.IsZero() {
		err = fmt.Errorf("%w: %q: want a zxid above 0, such as 0x1f", ErrBadToken, s)
	}
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

func parse(s string) (Token, error) {
	gen, id, found := strings.Cut(s, ":")
	if !found {
		gen, id = "0", s
	}
	g, err := strconv.ParseUint(gen, 10, 32)
	if err != nil {
		return Token{}, fmt.Errorf("%w: %q: the generation is not a number", ErrBadToken, s)
	}
	n, err := strconv.ParseUint(id, 0, 64)
	if err != nil {
		return Token{}, fmt.Errorf("%w: %q: want a zxid above 0, such as 0x1f", ErrBadToken, s)
	}
	return Token{Generation: uint32(g), ID: n}, nil
}

// MarshalText returns [Token.String], so that a token in JSON is a string that no decoder rounds.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote, which may be no token; empty text is none either. On failure it leaves t as it was.
func (t *Token) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = Token{}
		return nil
	}
	u, err := parse(string(b))
	if err != nil {
		return err
	}
	*t = u
	return nil
}
