package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// keyHeader is the one that providers of payments have agreed on.
const keyHeader = "Idempotency-Key"

// A provider takes money: a server of somebody else's, that knows no tokens and, if it is given one, an idempotency key.
type provider struct {
	server *http.Server
	url    string
	rec    *recorder
	wg     sync.WaitGroup

	mu    sync.Mutex // guards taken, and makes the order of the records that of the payments
	taken map[string]bool
}

func startProvider(rec *recorder) (*provider, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, environment(err)
	}
	p := &provider{rec: rec, url: "http://" + ln.Addr().String(), taken: map[string]bool{}}
	p.server = &http.Server{Handler: http.HandlerFunc(p.charge), ReadHeaderTimeout: 10 * time.Second}
	p.wg.Go(func() { _ = p.server.Serve(ln) })
	return p, nil
}

func (p *provider) close() {
	_ = p.server.Close()
	p.wg.Wait()
}

func (p *provider) charge(_ http.ResponseWriter, req *http.Request) {
	key := req.Header.Get(keyHeader)
	p.mu.Lock()
	defer p.mu.Unlock()
	again := key != "" && p.taken[key]
	p.taken[key] = true
	ok := !again
	p.rec.now(Event{Who: WhoProvider, What: Charged, By: req.FormValue("by"), Detail: req.FormValue("job"), OK: &ok})
}

// charge asks for a payment, with a key unless that is empty.
func charge(ctx context.Context, to, by, job, key string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/?"+url.Values{"by": {by}, "job": {job}}.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	if key != "" {
		req.Header.Set(keyHeader, key)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(fmt.Sprint("the provider answers ", answer.Status))
	}
	return nil
}
