// Package httplimit limits the requests that an HTTP server answers, by package ratelimit.
//
//	limit := httplimit.New(limiter, httplimit.Config{Key: httplimit.Header("X-Api-Key")})
//	http.Handle("/api/", limit(api))
//
// A request that is admitted goes on, with RateLimit headers on its response; one that is not is answered with 429 Too Many Requests, the same headers, and Retry-After. The headers are
// those of draft-ietf-httpapi-ratelimit-headers in the form that is most used: RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset in seconds, and RateLimit-Policy.
package httplimit

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/zkkit/zkkit/ratelimit"
)

// A KeyFunc says under which key a request is counted. An error is answered as one of the client's, with 400 Bad Request: there is no key that is not limited.
type KeyFunc func(*http.Request) (string, error)

// A Config says how requests are limited. Key is required.
type Config struct {
	// Key says under which key a request is counted.
	Key KeyFunc
	// Cost says what a request counts as; nil means 1.
	Cost func(*http.Request) int64
	// Denied answers a request that is not admitted, when the headers are set; nil means a line of text. It is to write status 429.
	Denied func(http.ResponseWriter, *http.Request, ratelimit.Decision)
	// Failed answers a request about which there is no decision; nil means a line of text with the status of [Status].
	Failed func(http.ResponseWriter, *http.Request, error)
}

// New returns a middleware. It panics without a key function.
func New(limiter *ratelimit.Limiter, cfg Config) func(http.Handler) http.Handler {
	if cfg.Key == nil {
		panic("httplimit: no key function")
	}
	if cfg.Cost == nil {
		cfg.Cost = func(*http.Request) int64 { return 1 }
	}
	if cfg.Denied == nil {
		cfg.Denied = func(w http.ResponseWriter, _ *http.Request, _ ratelimit.Decision) {
			http.Error(w, "too many requests", http.StatusTooManyRequests)
		}
	}
	if cfg.Failed == nil {
		cfg.Failed = func(w http.ResponseWriter, _ *http.Request, err error) {
			status := Status(err)
			http.Error(w, http.StatusText(status), status)
		}
	}
	limit := limiter.Limit()
	most := strconv.FormatInt(limiter.Most(), 10)
	policy := fmt.Sprintf("%d;w=%d", limit.Max, seconds(limit.Per))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key, err := cfg.Key(r)
			if err != nil {
				cfg.Failed(w, r, &keyError{err})
				return
			}
			d, err := limiter.AllowN(r.Context(), key, cfg.Cost(r))
			if err != nil {
				cfg.Failed(w, r, err)
				return
			}
			h := w.Header()
			h.Set("RateLimit-Policy", policy)
			h.Set("RateLimit-Limit", most)
			h.Set("RateLimit-Remaining", strconv.FormatInt(d.Remaining, 10))
			h.Set("RateLimit-Reset", strconv.FormatInt(seconds(d.ResetAfter), 10))
			if !d.OK {
				h.Set("Retry-After", strconv.FormatInt(max(1, seconds(d.RetryAfter)), 10))
				cfg.Denied(w, r, d)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// seconds rounds up, as the headers know no fractions, and who comes too early is denied.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// A keyError is one of the client's.
type keyError struct{ err error }

func (e *keyError) Error() string { return "httplimit: no key: " + e.err.Error() }

func (e *keyError) Unwrap() error { return e.err }

// Status returns the status that an error stands for: 400 Bad Request for a request that cannot be counted, 503 Service Unavailable for one about which there is no decision. Neither is
// an admission.
func Status(err error) int {
	var key *keyError
	if errors.As(err, &key) || errors.Is(err, ratelimit.ErrBadKey) || errors.Is(err, ratelimit.ErrBadCost) {
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}

// ErrNoKey is what [Header] and [RemoteIP] answer to a request that has none.
var ErrNoKey = errors.New("httplimit: the request has no key")

// Header counts by the value of a header, such as an API key. It is escaped, so that a client cannot choose braces. Put it behind what checks the value: who may invent keys is not limited.
func Header(name string) KeyFunc {
	return func(r *http.Request) (string, error) {
		v := r.Header.Get(name)
		if v == "" {
			return "", fmt.Errorf("%w: %s is missing", ErrNoKey, name)
		}
		return url.QueryEscape(v), nil
	}
}

// RemoteIP counts by the address from which the request came, which behind a proxy is the proxy's. Addresses of IPv6 are counted by their first 64 bits, of which a client has all that follow.
func RemoteIP(r *http.Request) (string, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip := net.ParseIP(host)
	switch {
	case ip == nil:
		return "", fmt.Errorf("%w: the address %q", ErrNoKey, r.RemoteAddr)
	case ip.To4() != nil:
		return ip.To4().String(), nil
	}
	return ip.Mask(net.CIDRMask(64, 128)).String() + "/64", nil
}
