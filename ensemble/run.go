package ensemble

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
)

// TB is the part of [testing.TB] that [Run] uses.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(f func())
}

// Run starts a ZooKeeper for a test, blocks until it serves, and stops it when the test ends.
//
// Where no ZooKeeper or no Java is installed the test is skipped, with a message that says how to turn it on; it fails instead when the
// environment variable ZKKIT_REQUIRE contains the word "local", so that a CI run cannot be green for having tested nothing.
// So it is with Config.Namespaces on a machine where they cannot be made, and the word "netns". Any other failure to start fails the test.
func Run(t TB, cfg Config) *Ensemble {
	t.Helper()
	e, err := Start(context.Background(), cfg)
	if errors.Is(err, ErrNotInstalled) && !required("local") || errors.Is(err, ErrNoNamespaces) && !required("netns") {
		t.Skipf("%v", err)
		return nil
	}
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Logf("%v", err)
		}
	})
	return e
}

// required reports whether ZKKIT_REQUIRE, words with commas or spaces between them, has the word.
func required(word string) bool {
	words := strings.FieldsFunc(os.Getenv("ZKKIT_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(words, word)
}
