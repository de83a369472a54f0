package cas_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// required reports whether ZKKIT_REQUIRE has the word, so that what would be skipped must fail.
func required(word string) bool {
	words := strings.FieldsFunc(os.Getenv("ZKKIT_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(words, word)
}
