package redisfence

import (
	"fmt"
	"strconv"

	"github.com/zkkit/zkkit/fence"
)

// generationDigits and digits are the widths of a generation and of a whole token in the mark.
const (
	generationDigits = 10
	digits           = generationDigits + 20
)

// encode writes a token so that the server can order it as text. Numbers would not do: in Lua they are doubles, and equal from 2^53 on. And it must be digits:
// Lua orders text by the collation of the server's locale, in which hexadecimal has surprises. In Danish, "aa" comes after "ab".
func encode(text []byte, t fence.Token) {
	put(text[:generationDigits], uint64(t.Generation))
	put(text[generationDigits:digits], t.ID)
}

// put fills text with the digits of n.
func put(text []byte, n uint64) {
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = '0' + byte(n%10)
		n /= 10
	}
}

// decode reads what encode writes, and nothing else.
func decode(text string) (fence.Token, error) {
	if len(text) != digits {
		return fence.Token{}, fmt.Errorf("redisfence: %q is no mark", text)
	}
	generation, err := strconv.ParseUint(text[:generationDigits], 10, 32)
	if err != nil {
		return fence.Token{}, fmt.Errorf("redisfence: %q is no mark: %w", text, err)
	}
	id, err := strconv.ParseUint(text[generationDigits:], 10, 64)
	if err != nil {
		return fence.Token{}, fmt.Errorf("redisfence: %q is no mark: %w", text, err)
	}
	return fence.Token{Generation: uint32(generation), ID: id}, nil
}
