package sqlfence_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

// The order of the texts, byte by byte, is the order of the tokens, over their whole range. That the databases compare so is in the conformance suite.
func TestEncodedTokensAreOrderedAsTokens(t *testing.T) {
	numbers := []uint64{0, 1, 9, 10, 15, 16, math.MaxUint32, 1 << 32, 1<<53 + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}
	var tokens []fence.Token
	for _, g := range []uint32{0, 1, 10, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
		for _, n := range append(numbers, rand.Uint64(), rand.Uint64()) {
			tokens = append(tokens, fence.Token{Generation: g, ID: n})
		}
	}
	for _, a := range tokens {
		back, err := sqlfence.Decode(sqlfence.Encode(a))
		require.NoError(t, err)
		require.Equal(t, a, back)
		for _, b := range tokens {
			require.Equal(t, a.Compare(b), strings.Compare(sqlfence.Encode(a), sqlfence.Encode(b)), "%v and %v", a, b)
		}
	}
	require.Equal(t, "00000000:000000020000001f", sqlfence.Encode(fence.Token{ID: 0x20000001f}))
	require.Empty(t, sqlfence.Encode(fence.Token{}))
}

func TestDecodeRefuses(t *testing.T) {
	for _, s := range []string{
		"0", "0x1f", "00000000:", ":0000000000000001", "00000000:000000020000001F", "0000000:000000020000001f", "00000000:00000020000001f", "000000000000000020000001f",
		"00000000:000000020000001f ", "-0000001:0000000000000001", "00000000:000000000000000g", "00000000:0000000000000001:1",
	} {
		_, err := sqlfence.Decode(s)
		require.ErrorIs(t, err, fence.ErrBadToken, "%q", s)
	}
}
