package fence_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

func TestTokenOrder(t *testing.T) {
	rising := []fence.Token{
		{},
		{ID: 1},
		{ID: 0x1_0000_0000 - 1},
		{ID: 0x1_0000_0000}, // The next epoch, its counter back at 0.
		{ID: 0x1_0000_0001},
		{ID: math.MaxInt64 + 1}, // Above the range of a signed zxid: still unsigned.
		{ID: math.MaxUint64},
		{Generation: 1, ID: 1}, // The generation is compared first.
		{Generation: math.MaxUint32, ID: 1},
	}
	for i, a := range rising {
		for j, b := range rising {
			require.Equal(t, i < j, a.Less(b), "%v < %v", a, b)
			require.Equal(t, i == j, a.Compare(b) == 0, "%v and %v", a, b)
			require.Equal(t, -b.Compare(a), a.Compare(b))
		}
	}
	require.True(t, slices.IsSortedFunc(rising, fence.Token.Compare))
}

func TestTokenIsZero(t *testing.T) {
	require.True(t, fence.Token{}.IsZero())
	require.True(t, fence.Token{Generation: 3}.IsZero(), "a generation alone names no hold")
	require.False(t, fence.Token{ID: 1}.IsZero())
}

func TestTokenText(t *testing.T) {
	for token, text := range map[fence.Token]string{
		{ID: 1}:                             "0x1",
		{ID: 0x1f}:                          "0x1f",
		{ID: 0x2_0000_0007}:                 "0x200000007",
		{ID: math.MaxUint64}:                "0xffffffffffffffff",
		{Generation: 2, ID: 0x1f}:           "2:0x1f",
		{Generation: math.MaxUint32, ID: 1}: "4294967295:0x1",
	} {
		require.Equal(t, text, token.String())
		got, err := fence.ParseToken(text)
		require.NoError(t, err)
		require.Equal(t, token, got)
	}
	got, err := fence.ParseToken("31")
	require.NoError(t, err)
	require.Equal(t, fence.Token{ID: 0x1f}, got, "decimal is read too")
}

func TestParseTokenRefuses(t *testing.T) {
	for _, text := range []string{
		"", "0", "0x0", "2:0x0", "token", "0xg", "-1", "1:", ":1", "-1:1", "4294967296:1", "1:2:3", "0x10000000000000000", " 0x1", "1.5",
	} {
		_, err := fence.ParseToken(text)
		require.ErrorIs(t, err, fence.ErrBadToken, "%q", text)
		require.ErrorContains(t, err, text)
	}
}

func TestTokenJSON(t *testing.T) {
	type hold struct{ Token fence.Token }
	for token, text := range map[fence.Token]string{
		{}:                                 `{"Token":"0x0"}`,
		{ID: math.MaxUint64}:               `{"Token":"0xffffffffffffffff"}`, // A number would be rounded by many decoders.
		{Generation: 1, ID: 0x3_0000_0009}: `{"Token":"1:0x300000009"}`,
	} {
		b, err := json.Marshal(hold{token})
		require.NoError(t, err)
		require.JSONEq(t, text, string(b))
		back := hold{fence.Token{Generation: 9, ID: 9}}
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, token, back.Token)
	}
	for _, text := range []string{`{"Token":""}`, `{"Token":"0"}`} {
		back := hold{fence.Token{ID: 9}}
		require.NoError(t, json.Unmarshal([]byte(text), &back))
		require.True(t, back.Token.IsZero())
	}

	back := hold{fence.Token{ID: 9}}
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Token":"nine"}`), &back), fence.ErrBadToken)
	require.Equal(t, fence.Token{ID: 9}, back.Token, "a failure leaves the token as it was")
}

func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"0x1f", "2:0x1f", "31", "0x0", "1:", "0b1", "0_1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token, err := fence.ParseToken(s)
		if err != nil {
			require.ErrorIs(t, err, fence.ErrBadToken)
			return
		}
		require.False(t, token.IsZero())
		again, err := fence.ParseToken(token.String())
		require.NoError(t, err)
		require.Equal(t, token, again)
	})
}
