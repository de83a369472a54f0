//go:build race

package cas_test

// raced is whether the race detector watches, which takes its time.
const raced = true
