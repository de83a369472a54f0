package httplimit_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ratelimit"
	"github.com/zkkit/zkkit/ratelimit/httplimit"
)

func limiter(t testing.TB, limit ratelimit.Limit, outage ratelimit.Outage) (*ratelimit.Limiter, *miniredis.Miniredis) {
	t.Helper()
	m := miniredis.RunT(t)
	c := redis.NewClient(&redis.Options{Addr: m.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = c.Close() })
	l, err := ratelimit.New(c, limit, ratelimit.Config{Outage: outage})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, m
}

func get(h http.Handler, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var fine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })

func TestHeadersAndStatus(t *testing.T) {
	l, _ := limiter(t, ratelimit.Limit{Max: 3, Per: time.Hour}, nil)
	h := httplimit.New(l, httplimit.Config{Key: httplimit.RemoteIP})(fine)
	for i := range 3 {
		w := get(h)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "fine", w.Body.String())
		require.Equal(t, "3", w.Header().Get("RateLimit-Limit"))
		require.Equal(t, "3;w=3600", w.Header().Get("RateLimit-Policy"))
		require.Equal(t, strconv.Itoa(2-i), w.Header().Get("RateLimit-Remaining"))
		require.Empty(t, w.Header().Get("Retry-After"))
	}
	w := get(h)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "0", w.Header().Get("RateLimit-Remaining"))
	retry, err := strconv.Atoi(w.Header().Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, retry)
	reset, err := strconv.Atoi(w.Header().Get("RateLimit-Reset"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, reset, retry)

	require.Equal(t, http.StatusOK, get(h, func(r *http.Request) { r.RemoteAddr = "[2001:db8::1]:80" }).Code, "somebody else")
}

func TestWhoHasNoKeyIsNotLetIn(t *testing.T) {
	l, _ := limiter(t, ratelimit.Limit{Max: 3, Per: time.Hour}, ratelimit.Open{})
	h := httplimit.New(l, httplimit.Config{Key: httplimit.Header("X-Api-Key")})(fine)
	require.Equal(t, http.StatusBadRequest, get(h).Code)
	require.Equal(t, http.StatusOK, get(h, func(r *http.Request) { r.Header.Set("X-Api-Key", "{a}") }).Code, "escaped")

	empty := httplimit.New(l, httplimit.Config{Key: func(*http.Request) (string, error) { return "", nil }})(fine)
	require.Equal(t, http.StatusBadRequest, get(empty).Code)
	dear := httplimit.New(l, httplimit.Config{Key: httplimit.RemoteIP, Cost: func(*http.Request) int64 { return 4 }})(fine)
	require.Equal(t, http.StatusBadRequest, get(dear).Code)
	nobody := httplimit.New(l, httplimit.Config{Key: func(*http.Request) (string, error) { return "", errors.New("unknown") }})(fine)
	require.Equal(t, http.StatusBadRequest, get(nobody).Code)
	require.Equal(t, http.StatusBadRequest, get(httplimit.New(l, httplimit.Config{Key: httplimit.RemoteIP})(fine), func(r *http.Request) { r.RemoteAddr = "@" }).Code)

	require.NoError(t, l.Close())
	require.Equal(t, http.StatusServiceUnavailable, get(httplimit.New(l, httplimit.Config{Key: httplimit.RemoteIP})(fine)).Code)
	require.Panics(t, func() { httplimit.New(l, httplimit.Config{}) })
}

func TestAnswersOfOnesOwn(t *testing.T) {
	l, _ := limiter(t, ratelimit.Limit{Max: 1, Per: time.Hour}, nil)
	h := httplimit.New(l, httplimit.Config{
		Key: httplimit.Header("User"),
		Denied: func(w http.ResponseWriter, _ *http.Request, d ratelimit.Decision) {
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, d.Source)
		},
		Failed: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, err)
		},
	})(fine)
	alice := func(r *http.Request) { r.Header.Set("User", "alice") }
	require.Equal(t, http.StatusOK, get(h, alice).Code)
	require.Equal(t, "deny-cache", get(h, alice).Body.String())
	w := get(h)
	require.Equal(t, http.StatusTeapot, w.Code)
	require.Equal(t, "httplimit: no key: httplimit: the request has no key: User is missing", w.Body.String())
}

// During an outage the policy decides, and a client is told to come again.
func TestOutage(t *testing.T) {
	for outage, want := range map[ratelimit.Outage]int{ratelimit.Closed{}: http.StatusTooManyRequests, ratelimit.Open{}: http.StatusOK} {
		l, m := limiter(t, ratelimit.Limit{Max: 1, Per: time.Hour}, outage)
		m.Close()
		w := get(httplimit.New(l, httplimit.Config{Key: httplimit.RemoteIP})(fine))
		require.Equal(t, want, w.Code)
		if want != http.StatusOK {
			require.Equal(t, "1", w.Header().Get("Retry-After"))
		}
	}
}

func TestRemoteIP(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64", "[::ffff:192.0.2.1]:5": "192.0.2.1", "192.0.2.9": "192.0.2.9",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = addr
		got, err := httplimit.RemoteIP(r)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func Example() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	limiter, err := ratelimit.New(client, ratelimit.Limit{Max: 100, Per: time.Minute}, ratelimit.Config{})
	if err != nil {
		panic(err)
	}
	defer limiter.Close()
	limit := httplimit.New(limiter, httplimit.Config{Key: httplimit.Header("X-Api-Key")})
	http.Handle("/api/", limit(fine))
}
