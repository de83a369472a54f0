package httpfence_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/httpfence"
)

// patience bounds hangs and measures nothing.
const patience = 30 * time.Second

var six, seven = fence.Token{ID: 6}, fence.Token{ID: 7}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// ask sends a request to a handler, without a network.
func ask(h http.Handler, method, target string, tokens ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for _, token := range tokens {
		r.Header.Add(httpfence.Header, token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	ran := 0
	h := httpfence.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ran++
		_, _ = fmt.Fprint(w, httpfence.FromContext(r.Context()))
	}), httpfence.Config{})
	for _, c := range []struct {
		method, target string
		tokens         []string
		status         int
		body, newest   string
	}{
		{"PUT", "/orders", nil, 428, "httpfence: this is fenced: send the token of your hold in Fencing-Token", ""},
		{"PUT", "/orders", []string{""}, 400, `httpfence: Fencing-Token: fence: not a token: "": want a zxid above 0, such as 0x1f`, ""},
		{"PUT", "/orders", []string{"seven"}, 400, `httpfence: Fencing-Token: fence: not a token: "seven": want a zxid above 0, such as 0x1f`, ""},
		{"PUT", "/orders", []string{"0"}, 400, `httpfence: Fencing-Token: fence: not a token: "0": want a zxid above 0, such as 0x1f`, ""},
		{"PUT", "/orders", []string{"-1"}, 400, `httpfence: Fencing-Token: fence: not a token: "-1": want a zxid above 0, such as 0x1f`, ""},
		{"PUT", "/orders", []string{"0x7", "0x8"}, 400, "httpfence: Fencing-Token is there 2 times", ""},
		{"GET", "/orders", nil, 428, "httpfence: this is fenced: send the token of your hold in Fencing-Token", ""},
		{"PUT", "/orders", []string{"0x6"}, 200, "0x6", ""},
		{"PUT", "/orders", []string{"6"}, 200, "0x6", ""},
		{"GET", "/orders", []string{"0x7"}, 200, "0x7", ""},
		{"PUT", "/orders", []string{"0x6"}, 412, `fence: stale token 0x6: "/orders" already saw 0x7`, "0x7"},
		{"GET", "/orders/", []string{"0x6"}, 412, `fence: stale token 0x6: "/orders" already saw 0x7`, "0x7"},
		{"GET", "//orders/./", []string{"0x6"}, 412, `fence: stale token 0x6: "/orders" already saw 0x7`, "0x7"},
		{"PUT", "/order%73?x=y", []string{"0x6"}, 412, `fence: stale token 0x6: "/orders" already saw 0x7`, "0x7"},
		{"PUT", "/invoices", []string{"0x6"}, 200, "0x6", ""},
		{"PUT", "/orders", []string{"1:0x1"}, 200, "1:0x1", ""},
		{"PUT", "/orders", []string{"0xffffffffffffffff"}, 412, `fence: stale token 0xffffffffffffffff: "/orders" already saw 1:0x1`, "1:0x1"},
	} {
		before := ran
		w := ask(h, c.method, c.target, c.tokens...)
		about := fmt.Sprint(c.method, " ", c.target, " ", c.tokens)
		require.Equal(t, c.status, w.Code, about)
		require.Equal(t, c.body, strings.TrimSuffix(w.Body.String(), "\n"), about)
		require.Equal(t, c.newest, w.Header().Get(httpfence.Header), about)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"), about)
		require.Equal(t, c.status == 200, ran > before, about)
	}
}

func TestARequestThatNamesNoResource(t *testing.T) {
	h := httpfence.New(http.NotFoundHandler(), httpfence.Config{Resource: func(r *http.Request) string { return r.PathValue("none") }})
	require.Equal(t, 400, ask(h, "PUT", "/orders", "0x7").Code)
}

// marks answers as it is told.
type marks struct{ err error }

func (m marks) Seal(context.Context, string, fence.Token) error { return m.err }

func TestMarksThatCannotBeAsked(t *testing.T) {
	for name, err := range map[string]error{
		"an error":           errors.New("the disk is full"),
		"an unknown outcome": &fence.UnknownError{Resource: "/orders", Token: seven, Ask: "again", Err: io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			h := httpfence.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was run") }),
				httpfence.Config{Marks: marks{err}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			w := ask(h, "PUT", "/orders", "0x7")
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Contains(t, w.Body.String(), "the handler was not run")
			require.NotContains(t, w.Body.String(), err.Error(), "what is inside is nobody's business")
			require.Equal(t, "1", w.Header().Get("Retry-After"))
			require.Contains(t, log.String(), "level=WARN")
		})
	}
	h := httpfence.New(http.NotFoundHandler(), httpfence.Config{Marks: marks{&fence.StaleError{Have: six, Max: seven}}})
	w := ask(h, "PUT", "/orders", "0x6")
	require.Equal(t, http.StatusPreconditionFailed, w.Code)
	require.Equal(t, "0x7", w.Header().Get(httpfence.Header))
}

// Several servers share their marks. A new one that has just started, too, knows what was shut out before.
func TestSharedMarks(t *testing.T) {
	shared := new(fence.Memory[struct{}])
	server := func() http.Handler { return httpfence.New(http.NotFoundHandler(), httpfence.Config{Marks: shared}) }
	require.Equal(t, 404, ask(server(), "PUT", "/orders", "0x7").Code)
	require.Equal(t, 412, ask(server(), "PUT", "/orders", "0x6").Code)
}

// Whatever a handler ends with, the next one gets in.
func TestAHandlerThatPanics(t *testing.T) {
	h := httpfence.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), httpfence.Config{})
	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { ask(h, "PUT", "/orders", "0x6") })
	require.Panics(t, func() { ask(h, "PUT", "/orders", "0x7") })
}

// serve runs a handler on a real server.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(httpfence.New(h, httpfence.Config{}))
	t.Cleanup(s.Close)
	return s
}

// do sends a request with a token, and returns the status.
func do(ctx context.Context, c *http.Client, method, url string, token fence.Token) (int, error) {
	r, err := http.NewRequestWithContext(httpfence.NewContext(ctx, token), method, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// The handler of the old holder is told, by its context, that a newer token has come. The newer request is not let in before it has returned.
func TestAHandlerThatRunsIsToldAndWaitedFor(t *testing.T) {
	began, told, end := make(chan struct{}), make(chan error), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if httpfence.FromContext(r.Context()) != six {
			return
		}
		close(began)
		<-r.Context().Done()
		told <- context.Cause(r.Context())
		<-end
		w.WriteHeader(http.StatusConflict) // The client is there and takes the answer.
	})
	c := &http.Client{Transport: &httpfence.Transport{Base: s.Client().Transport}}
	oldDone, newDone := make(chan int, 1), make(chan int, 1)
	go func() {
		status, err := do(t.Context(), c, "POST", s.URL+"/orders", six)
		if err != nil {
			t.Error(err)
		}
		oldDone <- status
	}()
	receive(t, began)
	go func() {
		status, err := do(t.Context(), c, "POST", s.URL+"/orders", seven)
		if err != nil {
			t.Error(err)
		}
		newDone <- status
	}()
	require.Equal(t, &fence.StaleError{Resource: "/orders", Have: six, Max: seven}, receive(t, told))
	late := make(chan error, 1)
	go func() { _, err := do(t.Context(), c, "POST", s.URL+"/orders", six); late <- err }()
	select {
	case <-newDone:
		require.Fail(t, "let in while the old one runs")
	case <-late:
		require.Fail(t, "let in, or refused by one that is not accepted yet")
	case <-time.After(20 * time.Millisecond):
	}
	close(end)
	require.ErrorIs(t, receive(t, late), fence.ErrStale)
	require.Equal(t, http.StatusConflict, receive(t, oldDone))
	require.Equal(t, http.StatusOK, receive(t, newDone))
}

// raw opens a connection and sends text.
func raw(t *testing.T, s *httptest.Server, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	return c
}

// The old holder was stopped in the middle of its request, or of taking the answer. Its handler waits for it, and takes no notice of its context.
func TestAClientThatWasStoppedHoldsNobodyUp(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		handle  func(w http.ResponseWriter, r *http.Request, began chan<- struct{}) error
	}{
		"in the middle of its request": {
			"PUT /orders HTTP/1.1\r\nHost: x\r\nFencing-Token: 0x6\r\nContent-Length: 100\r\n\r\nhalf of",
			func(_ http.ResponseWriter, r *http.Request, began chan<- struct{}) error {
				close(began)
				_, err := io.ReadAll(r.Body)
				return err
			},
		},
		"in the middle of its request, in chunks": {
			"PUT /orders HTTP/1.1\r\nHost: x\r\nFencing-Token: 0x6\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
			func(_ http.ResponseWriter, r *http.Request, began chan<- struct{}) error {
				close(began)
				_, err := io.ReadAll(r.Body)
				return err
			},
		},
		"while it takes the answer": {
			"GET /orders HTTP/1.1\r\nHost: x\r\nFencing-Token: 0x6\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request, began chan<- struct{}) error {
				close(began)
				for chunk := make([]byte, 1<<20); ; {
					if _, err := w.Write(chunk); err != nil {
						return err
					}
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			began, ended := make(chan struct{}), make(chan error, 1)
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if httpfence.FromContext(r.Context()) == six {
					ended <- c.handle(w, r, began)
				}
			})
			raw(t, s, c.request)
			receive(t, began)
			client := &http.Client{Transport: &httpfence.Transport{Base: s.Client().Transport}}
			status, err := do(t.Context(), client, "PUT", s.URL+"/orders", seven)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			require.Error(t, receive(t, ended), "it had returned")
		})
	}
}

// A connection whose handler was told to stop serves the next request as any other does.
func TestTheConnectionGoesOn(t *testing.T) {
	for _, request := range []string{
		"GET /orders HTTP/1.1\r\nHost: x\r\nFencing-Token: %v\r\n\r\n",
		"PUT /orders HTTP/1.1\r\nHost: x\r\nFencing-Token: %v\r\nContent-Length: 4\r\n\r\nbody",
		"PUT /orders HTTP/1.1\r\nHost: x\r\nFencing-Token: %v\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
	} {
		t.Run(request[:3], func(t *testing.T) {
			t.Parallel()
			began := make(chan struct{})
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err == nil && httpfence.FromContext(r.Context()) == six {
					close(began)
					<-r.Context().Done()
				}
				_, _ = fmt.Fprintf(w, "%s %v %v", body, err, context.Cause(r.Context()))
			})
			c := raw(t, s, fmt.Sprintf(request, six))
			receive(t, began)
			client := &http.Client{Transport: &httpfence.Transport{Base: s.Client().Transport}}
			_, err := do(t.Context(), client, "PUT", s.URL+"/orders", seven)
			require.NoError(t, err)
			answers := bufio.NewReader(c)
			require.Contains(t, answer(t, answers), "stale token")
			time.Sleep(1100 * time.Millisecond) // longer than a handler that was told may write
			_, err = fmt.Fprintf(c, request, seven)
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(answer(t, answers), "<nil> <nil>"))
		})
	}
}

func answer(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.False(t, resp.Close)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// The client of a request that waits gives up, and nothing of it stays.
func TestAClientThatGivesUpWaiting(t *testing.T) {
	began, end, entered := make(chan struct{}), make(chan struct{}), make(chan fence.Token, 3)
	guarded := httpfence.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token := httpfence.FromContext(r.Context())
		if entered <- token; token == six {
			close(began)
			<-end
		}
	}), httpfence.Config{})
	arrived, answered := make(chan struct{}), make(chan struct{}, 3)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(httpfence.Header) == seven.String() {
			close(arrived)
		}
		guarded.ServeHTTP(w, r)
		answered <- struct{}{}
	}))
	t.Cleanup(s.Close)
	c := &http.Client{Transport: &httpfence.Transport{Base: s.Client().Transport}}
	oldDone := make(chan error, 1)
	go func() { _, err := do(t.Context(), c, "POST", s.URL+"/orders", six); oldDone <- err }()
	receive(t, began)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := do(ctx, c, "POST", s.URL+"/orders", seven)
	require.ErrorIs(t, err, fence.ErrUnknown)
	require.ErrorIs(t, err, context.Canceled)
	receive(t, answered) // the server has noticed
	close(end)
	require.NoError(t, receive(t, oldDone))
	status, err := do(t.Context(), c, "POST", s.URL+"/orders", fence.Token{ID: 8})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, six, <-entered)
	require.Equal(t, fence.Token{ID: 8}, <-entered, "the one that gave up was not let in")
}
