package sqlfence

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zkkit/zkkit/fence"
)

// Encode returns a token as the tables hold it: the generation and the ID in hexadecimal, each in its full width, as in "00000000:000000020000001f". Texts of this form,
// compared byte by byte, are ordered as the tokens are. Signed columns would not do that: an ID has 64 bits, all of them used. The zero Token is the empty text.
func Encode(t fence.Token) string {
	if t == (fence.Token{}) {
		return ""
	}
	return fmt.Sprintf("%08x:%016x", t.Generation, t.ID)
}

// Decode reads what [Encode] writes. It fails with an error that wraps [fence.ErrBadToken] for anything else.
func Decode(s string) (fence.Token, error) {
	if s == "" {
		return fence.Token{}, nil
	}
	gen, id, _ := strings.Cut(s, ":")
	g, err := strconv.ParseUint(gen, 16, 32)
	n, err2 := strconv.ParseUint(id, 16, 64)
	t := fence.Token{Generation: uint32(g), ID: n}
	if err != nil || err2 != nil || Encode(t) != s {
		return fence.Token{}, fmt.Errorf("%w: %q: want a text such as 00000000:000000020000001f", fence.ErrBadToken, s)
	}
	return t, nil
}
