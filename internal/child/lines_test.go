package child

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	l := NewLines(3)
	require.Empty(t, l.Since(0))
	fmt.Fprint(l, "one\ntw")
	require.Equal(t, []string{"one", "tw"}, l.Since(0))
	require.Equal(t, 1, l.Total())
	fmt.Fprint(l, "o\r\nthree\n\nfive\n")
	require.Equal(t, []string{"three", "", "five"}, l.Since(0))
	require.Equal(t, []string{"five"}, l.Since(4))
	require.Empty(t, l.Since(5))

	n, err := io.WriteString(l, strings.Repeat("x", 3*lineBytes)+"\nlast")
	require.NoError(t, err)
	require.Equal(t, 3*lineBytes+5, n)
	require.Equal(t, []string{strings.Repeat("x", lineBytes), "last"}, l.Since(5))
}
