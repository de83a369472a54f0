package ensemble

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// onThreadThatDies runs f on a thread that ends afterwards. The main thread never does, so it is held while another is taken.
func onThreadThatDies(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // And never unlocked: the thread ends with the goroutine.
		if syscall.Gettid() == os.Getpid() {
			defer runtime.UnlockOSThread()
			onThreadThatDies(f)
			return
		}
		f()
	}()
	<-done
}

// The signal of a dying parent comes when the thread dies that forked. Here the thread that calls Start dies, and many others too.
func TestServerOutlivesThreads(t *testing.T) {
	t.Parallel()
	installed(t)
	var e *Ensemble
	var err error
	onThreadThatDies(func() { e, err = Start(t.Context(), Config{}) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Stop() })
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { onThreadThatDies(func() {}) })
	}
	wg.Wait()
	select {
	case <-e.servers[0].Done():
		require.Fail(t, "the server died with a thread", e.servers[0].Log())
	case <-time.After(100 * time.Millisecond):
	}
	_, err = e.servers[0].Mode(t.Context())
	require.NoError(t, err)
}
