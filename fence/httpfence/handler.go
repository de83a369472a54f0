package httpfence

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/zkkit/zkkit/fence"
)

// handler is what New returns.
type handler struct {
	next http.Handler
	cfg  Config
	hall hall
}

// ServeHTTP compares, and lets next answer or refuses.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, status, wrong := tokenOf(r)
	resource := h.cfg.Resource(r)
	if wrong == "" && resource == "" {
		status, wrong = http.StatusBadRequest, "httpfence: the request names no resource"
	}
	if wrong != "" {
		refuse(w, status, wrong)
		return
	}
	ctx, cancel := context.WithCancelCause(NewContext(r.Context(), token))
	defer cancel(nil)
	l := &line{w: w, r: r, body: body{ReadCloser: r.Body}}
	v := h.hall.come(resource, token, func(why *fence.StaleError) {
		cancel(why)
		l.interrupt()
	})
	defer func() { // also when next panics
		v.leave()
		l.restore()
	}()
	err := v.enter(r.Context())
	if err == nil { // The marks are asked within r's own context: a newer token that has come is not yet one that was seen.
		err = h.cfg.Marks.Seal(r.Context(), resource, token)
	}
	if err != nil {
		h.failed(w, r, resource, token, err)
		return
	}
	v.accepted()
	w.Header().Set("Cache-Control", "no-store")
	r = r.WithContext(ctx)
	if r.ContentLength != 0 {
		r.Body = &l.body
	}
	h.next.ServeHTTP(w, r)
}

// failed answers a request that was not let in: because its token is stale, or because that cannot be told.
func (h *handler) failed(w http.ResponseWriter, r *http.Request, resource string, token fence.Token, err error) {
	if stale, ok := errors.AsType[*fence.StaleError](err); ok {
		w.Header().Set(Header, stale.Max.String())
		refuse(w, http.StatusPreconditionFailed, (&fence.StaleError{Resource: resource, Have: token, Max: stale.Max}).Error())
		return
	}
	if r.Context().Err() == nil {
		h.cfg.Logger.Warn("a request is refused since its token cannot be compared", "resource", resource, "token", token.String(), "error", err)
	}
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("httpfence: cannot tell now whether token %v is stale for %q; the handler was not run", token, resource))
}

// tokenOf returns the token of a request, or a status and one line that says what is wrong.
func tokenOf(r *http.Request) (t fence.Token, status int, wrong string) {
	switch values := r.Header.Values(Header); len(values) {
	case 0:
		return t, http.StatusPreconditionRequired, "httpfence: this is fenced: send the token of your hold in " + Header
	case 1:
		t, err := fence.ParseToken(values[0])
		if err != nil {
			return t, http.StatusBadRequest, fmt.Sprintf("httpfence: %s: %v", Header, err)
		}
		return t, 0, ""
	default:
		return t, http.StatusBadRequest, fmt.Sprintf("httpfence: %s is there %d times", Header, len(values))
	}
}

func refuse(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, line, status)
}
