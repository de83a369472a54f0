package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestScreenProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One terminal shows both, in the order in which they are written.
		var both bytes.Buffer
		s := newScreen(&both, &both, true, func(error) {})
		s.doing("cut for", 3*time.Second)
		time.Sleep(1430 * time.Millisecond)
		s.print("a line\n")
		time.Sleep(2 * time.Second)
		require.NoError(t, s.close(t.Context()))

		const erase = "\r\x1b[K"
		text := both.String()
		require.True(t, strings.HasPrefix(text, "cut for 0.0s of 3s"+erase+"cut for 0.1s of 3s"+erase), "%q", text)
		require.Contains(t, text, "cut for 1.4s of 3s"+erase+"a line\ncut for 1.4s of 3s"+erase)
		require.NotContains(t, text, "cut for 3.1s")
		require.True(t, strings.HasSuffix(text, "cut for 3.0s of 3s"+erase), "nothing is left on the line: %q", text)
	})
}

func TestScreenWithoutTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, err bytes.Buffer
		s := newScreen(&out, &err, false, func(error) {})
		s.doing("cut for", 3*time.Second)
		s.print("one\n")
		time.Sleep(time.Second)
		s.print("two\n")
		require.NoError(t, s.close(t.Context()))
		require.Equal(t, "one\ntwo\n", out.String())
		require.Empty(t, err.String())
	})
}

// What programs print goes where it should, and does not fill the memory when nobody reads it.
func TestScreenPrintsSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, err bytes.Buffer
		s := newScreen(&out, &err, false, func(error) {})
		s.printSome("one\n", false)
		s.printSome("two\n", true)
		require.NoError(t, s.close(t.Context()))
		require.Equal(t, "one\n", out.String())
		require.Equal(t, "two\n", err.String())

		r, w := io.Pipe()
		s = newScreen(w, io.Discard, false, func(error) {})
		s.print("first\n") // The writer waits in this one.
		synctest.Wait()
		const lines = 3 * queueLimit
		for range lines {
			s.printSome("line\n", false)
		}
		read := make(chan string)
		go func() {
			all, _ := io.ReadAll(r)
			read <- string(all)
		}()
		synctest.Wait()
		require.NoError(t, s.close(t.Context()))
		require.NoError(t, w.Close())
		text := <-read
		require.Equal(t, queueLimit, strings.Count(text, "line\n"))
		require.True(t, strings.HasSuffix(text, "(20000 lines were left out)\n"), "%q", text[len(text)-100:])
	})
}

// Who prints is not kept waiting by a reader that has stopped reading, and a run that was interrupted ends all the same.
func TestScreenReaderStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := newScreen(w, io.Discard, false, func(error) {})
		start := time.Now()
		for range 1000 {
			s.print("line\n")
		}
		require.Zero(t, time.Since(start))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, s.close(ctx))
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, r.Close()) // Now draw can end.
	})
}

// A full disk is told once, and ends what is going on.
func TestScreenBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		full := errors.New("no space left on device")
		require.NoError(t, r.CloseWithError(full))
		var told []error
		s := newScreen(w, io.Discard, false, func(err error) { told = append(told, err) })
		s.print("one\n")
		synctest.Wait()
		s.print("two\n")
		err := s.close(t.Context())
		require.ErrorIs(t, err, full)
		require.Equal(t, exitEnvironment, exitCode(err))
		require.Equal(t, "cannot write to standard output: no space left on device", message(err))
		require.Equal(t, []error{err}, told)
	})
}
