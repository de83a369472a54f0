package httpfence_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
	"github.com/zkkit/zkkit/fence/httpfence"
)

// shelf is a handler that keeps what is put. It compares nothing, and takes its time between its look at a request and the effect.
type shelf struct {
	mu   sync.Mutex // guards all
	all  map[string]string
	slow func()
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.slow()
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.all[r.URL.Path]
	switch r.Method {
	case http.MethodPut:
		s.all[r.URL.Path] = string(body)
	case http.MethodDelete:
		delete(s.all, r.URL.Path)
	case http.MethodGet, unsafeRead:
		if !ok {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, value)
	}
}

// unsafeRead is a method that reads, and of which nobody knows that it does.
const unsafeRead = "READ"

// remote is a guard at the other end of a network.
type remote struct {
	client *http.Client
	url    string
	read   string // the method to read with
	asking *atomic.Int32
}

// errFailed is an answer that says that nothing was done.
var errFailed = errors.New("not done")

func (g remote) ask(ctx context.Context, method, resource string, t fence.Token, body string) (status int, text string, err error) {
	defer g.asking.Add(-1)
	g.asking.Add(1)
	r, err := http.NewRequestWithContext(httpfence.NewContext(ctx, t), method, g.url+"/"+resource, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := g.client.Do(r)
	if err != nil {
		if stale, ok := errors.AsType[*fence.StaleError](err); ok {
			stale.Resource = resource
			return 0, "", stale
		}
		return 0, "", err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode >= 300:
		return 0, "", fmt.Errorf("%w: %s: %s", errFailed, resp.Status, b)
	case err != nil && method == g.read: // the rest of the answer did not come
		return 0, "", &fence.UnknownError{Resource: resource, Token: t, Err: err}
	}
	return resp.StatusCode, string(b), nil
}

func (g remote) Seal(ctx context.Context, resource string, t fence.Token) error {
	_, _, err := g.ask(ctx, http.MethodPost, resource, t, "")
	return err
}

func (g remote) Read(ctx context.Context, resource string, t fence.Token) (string, bool, error) {
	status, text, err := g.ask(ctx, g.read, resource, t, "")
	return text, status == http.StatusOK, err
}

func (g remote) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	_, _, err := g.ask(ctx, http.MethodPut, resource, t, value)
	return err
}

func (g remote) Delete(ctx context.Context, resource string, t fence.Token) error {
	_, _, err := g.ask(ctx, http.MethodDelete, resource, t, "")
	return err
}

// subject runs a guarded shelf on a real server.
func subject(t *testing.T, protect func(http.Handler) http.Handler, transport *http.Transport, read string) remote {
	t.Helper()
	pause := func() {
		for range rand.IntN(4) {
			runtime.Gosched()
		}
		if rand.IntN(8) == 0 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		}
	}
	s := httptest.NewServer(protect(&shelf{all: map[string]string{}, slow: pause}))
	t.Cleanup(s.Close)
	t.Cleanup(transport.CloseIdleConnections)
	transport.MaxIdleConnsPerHost = 100
	return remote{&http.Client{Transport: &httpfence.Transport{Base: transport}}, s.URL, read, new(atomic.Int32)}
}

func protect(next http.Handler) http.Handler { return httpfence.New(next, httpfence.Config{}) }

func failed(err error) bool { return errors.Is(err, errFailed) }

func TestConformance(t *testing.T) {
	fencetest.Test(t, fencetest.Tokens(subject(t, protect, &http.Transport{}, http.MethodGet)), fencetest.Options{})
}

// The control: it compares, atomically, and runs the handler afterwards.
func TestAGuardThatComparesFirstIsCaught(t *testing.T) {
	compare := func(next http.Handler) http.Handler {
		var marks fence.Memory[struct{}]
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, err := fence.ParseToken(r.Header.Get(httpfence.Header))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			if err := marks.Seal(r.Context(), r.URL.Path, token); err != nil {
				if stale, ok := errors.AsType[*fence.StaleError](err); ok {
					w.Header().Set(httpfence.Header, stale.Max.String())
				}
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	err := fencetest.Check(t.Context(), fencetest.Tokens(subject(t, compare, &http.Transport{}, http.MethodGet)), fencetest.Options{Failed: failed, Rounds: 1, Decide: time.Second})
	require.Error(t, err)
	require.Regexp(t, "writes on their way are seen|the history of many writers", err.Error())
	t.Log(err)
}

// Answers get lost at random while many ask at once. What is known then fits what was done. A GET would be sent again by the transport below, and might then be told that
// its token is stale after it had been accepted.
func TestConformanceWithBrokenConnections(t *testing.T) {
	var lost atomic.Int32
	var g remote
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &frail{Conn: c, breaks: func() bool {
			if g.asking.Load() < 4 || rand.IntN(10) > 0 { // The simple checks come one at a time, and expect answers.
				return false
			}
			lost.Add(1)
			return true
		}}, err
	}}
	g = subject(t, protect, transport, unsafeRead)
	fencetest.Test(t, fencetest.Tokens(g), fencetest.Options{Failed: failed})
	t.Logf("%d answers were lost", lost.Load())
	require.Positive(t, lost.Load())
}

// frail breaks when it is asked for an answer.
type frail struct {
	net.Conn
	breaks func() bool
}

func (c *frail) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.breaks() {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}
