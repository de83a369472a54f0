package scenario

import (
	"bufio"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A link that is jammed while an answer is on its way would keep the holder from sending the write that is to arrive too late.
func TestNothingIsOnItsWayBetweenTwoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		w := &writer{rec: &recorder{}, who: WhoHolder, conn: here, lines: bufio.NewScanner(here), turn: make(chan struct{}, 1)}
		stop := make(chan struct{})
		go w.work(7, stop)
		requests := 0
		go func() {
			for lines := bufio.NewScanner(there); lines.Scan(); {
				requests++
			}
		}()
		answer := func() {
			_, err := there.Write([]byte("{\"ok\":true}\n"))
			require.NoError(t, err)
			time.Sleep(10 * pace)
			synctest.Wait()
		}
		answer() // to the seal
		require.Equal(t, 2, requests)

		begun := false
		between, hold := make(chan error, 1), make(chan struct{})
		go func() {
			between <- w.between(t.Context(), func() error { begun = true; <-hold; return errors.New("from f") })
		}()
		time.Sleep(10 * pace)
		synctest.Wait()
		require.False(t, begun, "a write is on its way")
		answer()
		require.True(t, begun)
		require.Equal(t, 2, requests, "the next write is kept back")

		close(hold)
		require.EqualError(t, <-between, "from f")
		synctest.Wait()
		require.Equal(t, 3, requests)
		close(stop)
		answer()
		require.NoError(t, here.Close())
	})
}
