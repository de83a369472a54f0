package stores

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
)

// TB is the part of [testing.TB] that [RunRedis] and [RunPostgres] use.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(f func())
}

// RunRedis starts a Redis for a test, blocks until it serves, and stops it when the test ends.
//
// Auto means Local here: a real Redis, that is installed on this machine. Where there is none the test is skipped, with a message that says how to turn it on; it
// fails instead when the environment variable ZKKIT_REQUIRE contains the word "redis", so that a CI run cannot be green for having tested nothing. Any other failure to start fails the test.
func RunRedis(t TB, cfg RedisConfig) *Redis {
	t.Helper()
	if cfg.Kind == "" || cfg.Kind == Auto {
		cfg.Kind = Local
	}
	r, err := StartRedis(context.Background(), cfg)
	if !started(t, err, "redis") {
		return nil
	}
	t.Cleanup(func() {
		t.Helper()
		if err := r.Stop(); err != nil {
			t.Fatalf("%v", err) // Something may be left behind.
		}
	})
	t.Logf("on %v", r)
	return r
}

// RunPostgres starts a PostgreSQL for a test, blocks until it serves, and stops it when the test ends.
//
// Auto means Local here: one that is installed on this machine, and empty, whatever ZKKIT_POSTGRES_DSN says. Where there is none the test is skipped, with a message that says how to
// turn it on; it fails instead when the environment variable ZKKIT_REQUIRE contains the word "postgres". Any other failure to start fails the test.
func RunPostgres(t TB, cfg PostgresConfig) *Postgres {
	t.Helper()
	if cfg.Kind == "" || cfg.Kind == Auto {
		cfg.Kind = Local
	}
	p, err := StartPostgres(context.Background(), cfg)
	if !started(t, err, "postgres") {
		return nil
	}
	t.Cleanup(func() {
		t.Helper()
		if err := p.Stop(); err != nil {
			t.Fatalf("%v", err) // Something may be left behind.
		}
	})
	t.Logf("on %v", p)
	return p
}

// started reports whether there was no error, and ends the test if there was one.
func started(t TB, err error, word string) bool {
	t.Helper()
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrNotInstalled) && !required(word):
		t.Skipf("%v", err)
	default:
		t.Fatalf("%v", err)
	}
	return false
}

// required reports whether ZKKIT_REQUIRE, words with commas or spaces between them, has the word.
func required(word string) bool {
	words := strings.FieldsFunc(os.Getenv("ZKKIT_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(words, word)
}
