package httpfence

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/zkkit/zkkit/fence"
)

// A Transport sends requests with a fencing token, and tells refusals and unknown outcomes by the errors of package fence. Its zero value takes the token from the
// context of the request: see [NewContext].
//
// A Transport is safe for concurrent use as long as nobody writes to it.
type Transport struct {
	// Base sends the requests; nil means http.DefaultTransport.
	Base http.RoundTripper
	// Token is sent with requests whose context carries none.
	Token fence.Token
	// Resource names in errors what a request is about; nil means [Path].
	Resource func(*http.Request) string
}

// RoundTrip sends a request once, with its token, and returns the answer. It blocks as Base does.
//
// It fails with [fence.ErrNoToken] when there is no token, and with a [*fence.StaleError] when the server has refused it; then the handler was not run. It fails with a
// [*fence.UnknownError] when the request may have been sent, is not safe as GET and HEAD are, and no answer came; it fails with the error of Base when nothing was sent,
// or nothing was to be changed. Whether something was sent is only known of an *http.Transport; behind another Base any error leaves the outcome unknown.
//
// Every other answer is handed on, whatever its status. A 502 or 504 of a proxy in between says no more than that it had no answer.
//
// An *http.Transport sends a request again by itself when the server has closed an idle connection before it took anything of it, and else only requests that are
// safe or carry an Idempotency-Key. One that was accepted the first time may then be told that it is stale.
//
// The Timeout of an http.Client may put an error of its own in the place of this one, that does not say whether the outcome is known: give the context a deadline instead.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	token := FromContext(r.Context())
	if token == (fence.Token{}) {
		token = t.Token
	}
	if token.IsZero() {
		closeBody(r)
		return nil, fence.ErrNoToken
	}
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	var sent atomic.Bool
	_, traces := base.(*http.Transport)
	sent.Store(!traces)
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	out := r.Clone(ctx)
	out.Header.Set(Header, token.String())
	resp, err := base.RoundTrip(out)
	switch {
	case err == nil:
		return t.answered(r, resp, token)
	case !sent.Load() || safe(r.Method):
		return nil, err
	}
	if r.Context().Err() != nil {
		err = context.Cause(r.Context())
	}
	return nil, &fence.UnknownError{
		Resource: t.resource(r), Token: token,
		Ask: "it may still come until a later token has been there; look with that one", Err: err,
	}
}

// answered makes an error of the refusal of a stale token. A 412 of the handler's own has no newer token in it.
func (t *Transport) answered(r *http.Request, resp *http.Response, token fence.Token) (*http.Response, error) {
	newest, err := fence.ParseToken(resp.Header.Get(Header))
	if resp.StatusCode != http.StatusPreconditionFailed || err != nil || !token.Less(newest) {
		return resp, nil //nolint:nilerr // An answer without a token is an answer.
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	_ = resp.Body.Close()
	return nil, &fence.StaleError{Resource: t.resource(r), Have: token, Max: newest}
}

func (t *Transport) resource(r *http.Request) string {
	if t.Resource != nil {
		return t.Resource(r)
	}
	return Path(r)
}

// safe reports whether a method asks for no change, as RFC 9110 has it.
func safe(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// closeBody does what a RoundTripper must do even when it sends nothing.
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
