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
func encode(t fence.Token) string {
	return fmt.Sprintf("%0*d%0*d", generationDigits, t.Generation, digits-generationDigits, t.ID)
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
