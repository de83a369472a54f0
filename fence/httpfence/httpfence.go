// Package httpfence carries fencing tokens over HTTP: a server refuses requests with a token older than the newest one seen, and a client sends the token of its hold.
//
//	http.Handle("/accounts/", httpfence.New(accounts, httpfence.Config{}))          // on the server
//
//	client := http.Client{Transport: &httpfence.Transport{}}                        // on the client
//	req, err := http.NewRequestWithContext(httpfence.NewContext(ctx, hold.Token()), "PUT", url, body)
//	resp, err := client.Do(req)                                                     // a *fence.StaleError for one that is refused
//
// # On the wire
//
// A request carries its token in the header Fencing-Token, as fence.Token writes it or as a decimal number: "0x200000007", "8589934599", or "1:0x7" with a generation. A
// request whose token is older than one that came before is answered 412 (Precondition Failed) with the newest token in the same header; one without a token
// 428 (Precondition Required); one with something else in its place 400.
//
// Every request to the handler needs a token, a GET too, and every one seals: once a holder has read, no earlier one can change what it saw. What observers may read
// without a token is mounted beside the guarded handler. Answers get Cache-Control: no-store unless the handler says otherwise, as a read from a cache seals nothing.
//
// # Compare and effect
//
// The handler runs between the comparison and its effect, and can take its time. So a request is let in when no handler runs with another token for the same resource, then
// its token is compared, and it stays in until its handler returns. Requests with the same token run side by side. When one with a newer token comes, the handlers that run
// are told to stop, and it waits until they have returned; what is older and comes meanwhile waits behind it, to be refused as soon as the newer one is accepted.
//
// Handlers are told by their context, which is cancelled with a [*fence.StaleError] as its cause, and by the deadlines of their connection, so that none hangs on a client
// that was stopped in the middle of its request. What such a handler answers is its own business. One that takes no notice holds the newer request up for as
// long as it runs.
//
// # What it does not give
//
//   - Nothing for what a handler leaves running when it returns: goroutines, hijacked connections, a server behind a proxy that gave up. An http.TimeoutHandler returns before the handler in it does, so it belongs
//     around the guarded handler and not inside.
//   - Nothing between processes. Several servers may share their marks (Config.Marks), and then none accepts what another has shut out; but a handler with an old token that
//     is running in one does not keep a newer one waiting in another. There the effect itself has to compare the token once more, which [FromContext] gives to the handler:
//     see packages sqlfence and redisfence.
//   - No authentication. Whoever may send a token may send the greatest there is, and shut out everybody: let in those only who may hold the lock.
//   - Nothing against two names for one thing: each has a mark of its own. See Config.Resource.
package httpfence

import (
	"context"
	"log/slog"
	"net/http"
	"path"

	"github.com/zkkit/zkkit/fence"
)

// Header carries the token: of a request, and in the answer to a stale one the newest.
const Header = "Fencing-Token"

// Marks remembers the greatest token of each resource. Seal accepts a token that is not older than any that it has accepted before, and fails with an error that is a
// [*fence.StaleError] otherwise. It must be safe for concurrent use, and must never forget: a mark that is lost lets any token in.
//
// A [fence.Memory] is one, and so are guards of package redisfence.
type Marks interface {
	Seal(ctx context.Context, resource string, t fence.Token) error
}

// A Config describes how requests are guarded. Its zero value is useful.
type Config struct {
	// Resource names what a request is about; nil means [Path]. Two requests that touch the same thing must get the same name, whatever their method, query, or spelling of the
	// path. A request without a name is answered 400.
	Resource func(*http.Request) string
	// Marks keeps the marks; nil means a fence.Memory of this handler's own. That one forgets nothing while the process lives, and so grows with the number of resources; with the
	// process it is gone, and then any token is welcome again. Marks that must outlive the process are kept where the data is.
	Marks Marks
	// Logger receives, at level Warn, that marks could not be asked; nil means silence.
	Logger *slog.Logger
}

// Path returns the cleaned path of a request. Servers that answer one thing under several paths need a function of their own.
func Path(r *http.Request) string { return path.Clean("/" + r.URL.Path) }

// New returns a handler that lets a request through to next unless its token is stale. The context that next is given carries the token, ends with the request or when a
// newer token comes, and tells which by its cause.
//
// When the marks cannot be asked, or the request ends before it is let in, the answer is 503 (Service Unavailable), and next was not run.
func New(next http.Handler, cfg Config) http.Handler {
	if cfg.Resource == nil {
		cfg.Resource = Path
	}
	if cfg.Marks == nil {
		cfg.Marks = new(fence.Memory[struct{}])
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &handler{next: next, cfg: cfg}
}
