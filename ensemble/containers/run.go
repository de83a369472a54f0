package containers

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

// Run starts a ZooKeeper for a test, blocks until it serves, and removes it when the test ends. Its timeline of cuts and heals is logged then.
//
// Where no engine answers or an image is not there the test is skipped, with a line that says what to do; no image is pulled then, so that a
// plain go test stays quick and off the network. When ZKKIT_REQUIRE contains the word "docker", as in a CI run, which must not be green
// for having tested nothing, images that are not there are pulled (unless Config.NoPull), and the test fails instead of being skipped.
// Any other failure to start fails the test.
func Run(t TB, cfg Config) *Ensemble {
	t.Helper()
	wanted := required("docker")
	cfg.NoPull = cfg.NoPull || !wanted
	e, err := Start(context.Background(), cfg)
	if (errors.Is(err, ErrNoEngine) || errors.Is(err, ErrNoImage)) && !wanted {
		t.Skipf("%v", err)
		return nil
	}
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(func() {
		t.Helper()
		err := e.Stop()
		events := e.Network().Timeline().Events()
		for _, event := range events {
			t.Logf("%+.6fs %s", event.At.Sub(events[0].At).Seconds(), event)
		}
		if err != nil {
			t.Fatalf("%v", err) // Something may be left behind, or could not be healed.
		}
	})
	return e
}

// required reports whether ZKKIT_REQUIRE, words with commas or spaces between them, has the word.
func required(word string) bool {
	words := strings.FieldsFunc(os.Getenv("ZKKIT_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(words, word)
}
