package httpfence_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/httpfence"
)

// base returns a transport of its own, so that connections are not shared between tests.
func base(t *testing.T) *http.Transport {
	t.Helper()
	b := &http.Transport{}
	t.Cleanup(b.CloseIdleConnections)
	return b
}

func TestTransportSendsTheToken(t *testing.T) {
	var got atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.Header.Values(httpfence.Header)) }))
	defer s.Close()
	for name, c := range map[string]struct {
		fixed, carried fence.Token
		want           string
	}{
		"from the context":        {carried: fence.Token{ID: 0x2_0000_0007}, want: "0x200000007"},
		"fixed":                   {fixed: fence.Token{Generation: 1, ID: 7}, want: "1:0x7"},
		"the context goes before": {fixed: six, carried: seven, want: "0x7"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &httpfence.Transport{Base: base(t), Token: c.fixed}
			r, err := http.NewRequestWithContext(httpfence.NewContext(t.Context(), c.carried), http.MethodPut, s.URL, strings.NewReader("x"))
			require.NoError(t, err)
			r.Header.Set(httpfence.Header, "somebody else's")
			resp, err := tr.RoundTrip(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, []string{c.want}, got.Load())
			require.Equal(t, "somebody else's", r.Header.Get(httpfence.Header), "the caller's request is left alone")
		})
	}
}

// closer tells that it was closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestTransportWithoutAToken(t *testing.T) {
	for _, token := range []fence.Token{{}, {Generation: 1}} {
		body := &closer{Reader: strings.NewReader("x")}
		r, err := http.NewRequestWithContext(httpfence.NewContext(t.Context(), token), http.MethodPut, "http://127.0.0.1:1", body)
		require.NoError(t, err)
		_, err = new(httpfence.Transport).RoundTrip(r)
		require.ErrorIs(t, err, fence.ErrNoToken)
		require.True(t, body.closed)
	}
}

// Only the guard's own answer is a refusal of the token. Others pass through.
func TestTransportTellsAnswersApart(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header string
		stale  bool
	}{
		"stale":                        {412, "0x7", true},
		"a precondition of another":    {412, "", false},
		"with the token that was sent": {412, "0x6", false},
		"with an older one":            {412, "0x5", false},
		"with something else":          {412, "x", false},
		"another status":               {409, "0x7", false},
		"a server's failure":           {503, "", false},
		"a proxy's":                    {504, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set(httpfence.Header, c.header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, "text")
			}))
			defer s.Close()
			client := http.Client{Transport: &httpfence.Transport{Base: base(t), Token: six}}
			resp, err := client.Post(s.URL+"/orders", "", nil)
			if c.stale {
				stale, ok := errors.AsType[*fence.StaleError](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, &fence.StaleError{Resource: "/orders", Have: six, Max: seven}, stale)
				return
			}
			require.NoError(t, err)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			require.Equal(t, c.status, resp.StatusCode)
			require.Equal(t, "text", string(text))
		})
	}
}

// deaf is a server that takes requests, counts them, and closes the connection in the place of an answer: from the first on that is not among those it answers.
func deaf(t *testing.T, answers int) (url string, requests *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	requests = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(c)
			for n := 1; ; n++ {
				r, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, r.Body)
				requests.Add(1)
				if n > answers {
					break
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
			_ = c.Close()
		}
	}()
	return "http://" + l.Addr().String() + "/orders", requests
}

// A request that may have been carried out, and had no answer, has an unknown outcome, unless it was not to change anything.
func TestALostAnswer(t *testing.T) {
	for method, unknown := range map[string]bool{"GET": false, "HEAD": false, "OPTIONS": false, "POST": true, "PUT": true, "PATCH": true, "DELETE": true} {
		t.Run(method, func(t *testing.T) {
			url, requests := deaf(t, 0)
			client := http.Client{Transport: &httpfence.Transport{Base: base(t), Token: six}}
			r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
			require.NoError(t, err)
			_, err = client.Do(r) //nolint:bodyclose // There is none.
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, unknown, errors.Is(err, fence.ErrUnknown))
			require.EqualValues(t, 1, requests.Load())
			if told, ok := errors.AsType[*fence.UnknownError](err); unknown {
				require.True(t, ok)
				require.Equal(t, "/orders", told.Resource)
				require.Equal(t, six, told.Token)
			}
		})
	}
}

// On a connection that had served before, the client's transport sends a request again when it got no answer: one that is safe, and no other.
func TestTheTransportBelowRepeatsWhatIsSafe(t *testing.T) {
	for method, sent := range map[string]int32{"GET": 3, "POST": 2} {
		t.Run(method, func(t *testing.T) {
			url, requests := deaf(t, 1)
			client := http.Client{Transport: &httpfence.Transport{Base: base(t), Token: six}}
			_, err := do(t.Context(), &client, "GET", url, six)
			require.NoError(t, err)
			_, err = do(t.Context(), &client, method, url, six)
			require.Equal(t, method == "POST", errors.Is(err, fence.ErrUnknown), "%v", err)
			require.Equal(t, sent, requests.Load())
		})
	}
}

func TestNothingWasSent(t *testing.T) {
	client := http.Client{Transport: &httpfence.Transport{Base: base(t), Token: six}}
	_, err := do(t.Context(), &client, "POST", "http://127.0.0.1:1/orders", six)
	require.Error(t, err)
	require.NotErrorIs(t, err, fence.ErrUnknown)

	lost := errors.New("the hold is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(lost)
	_, err = do(ctx, &client, "POST", "http://127.0.0.1:1/orders", six)
	require.ErrorIs(t, err, lost)
	require.NotErrorIs(t, err, fence.ErrUnknown)

	var wrapped roundTrip = func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	client.Transport = &httpfence.Transport{Base: wrapped, Token: six}
	_, err = do(t.Context(), &client, "POST", "http://127.0.0.1:1/orders", six)
	require.ErrorIs(t, err, fence.ErrUnknown, "nobody tells what another transport has sent")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request that is given up while it is being answered has an unknown outcome.
func TestGivingUp(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(began); <-end }))
	defer s.Close()
	defer close(end)
	client := http.Client{Transport: &httpfence.Transport{Base: base(t), Token: six}}
	lost := errors.New("the hold is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-began; cancel(lost) }()
	_, err := do(ctx, &client, "POST", s.URL, six)
	require.ErrorIs(t, err, fence.ErrUnknown)
	require.ErrorIs(t, err, lost)
}
