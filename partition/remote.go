package partition

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

// toxicPrefix begins the names of all toxics that we add to proxies.
const toxicPrefix = "zkkit-"

// streams are Toxiproxy's names for the two streams.
var streams = [...]string{toServer: "upstream", fromServer: "downstream"}

// A remoteServer is a Toxiproxy that runs elsewhere.
type remoteServer struct {
	api    *api
	listen string
	reach  func(string) string
	gated  bool // knows the gate
}

// newRemoteServer finds out whether there is a Toxiproxy and what it can do. It fills in the config's defaults.
func newRemoteServer(ctx context.Context, c *Config) (*remoteServer, error) {
	a, err := newAPI(c.API)
	if err != nil {
		return nil, err
	}
	s := &remoteServer{api: a, listen: c.Listen, reach: c.Reach}
	host := a.base.Hostname()
	if s.listen == "" {
		s.listen = "0.0.0.0"
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			s.listen = "127.0.0.1"
		}
	}
	if s.reach == nil {
		s.reach = func(listen string) string {
			_, port, err := net.SplitHostPort(listen)
			if err != nil {
				return listen
			}
			return net.JoinHostPort(host, port)
		}
	}
	var version struct {
		Version string `json:"version"`
	}
	if err := a.call(ctx, http.MethodGet, nil, &version, "version"); err != nil {
		s.close()
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.API, err)
	}
	if err := s.probe(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("partition: asking the Toxiproxy %s at %s what it can do: %w", version.Version, c.API, err)
	}
	return s, nil
}

// probe tries the gate on a proxy that is disabled, hence listens nowhere, and is deleted again.
func (s *remoteServer) probe(ctx context.Context) (err error) {
	name := "zkkit-probe-" + rand.Text()
	probe := toxiproxy.Proxy{Name: name, Listen: "127.0.0.1:0", Upstream: "127.0.0.1:1"}
	if err := s.api.call(ctx, http.MethodPost, &probe, nil, "proxies"); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		err = errors.Join(err, gone(s.api.call(ctx, http.MethodDelete, nil, nil, "proxies", name)))
	}()
	err = s.api.call(ctx, http.MethodPost, newToxic("gate", gateType, toServer, gateMode(modePass)), nil, "proxies", name, "toxics")
	switch {
	case err == nil:
		s.gated = true
	case status(err) == http.StatusBadRequest: // invalid toxic type
	default:
		return err
	}
	return nil
}

// close gives up the idle connections to the API, and with them their goroutines.
func (s *remoteServer) close() { s.api.http.CloseIdleConnections() }

func (s *remoteServer) caveats() []string {
	c := []string{
		"Nothing counts bytes or connections.",
		"The two directions of a cut change one HTTP request apart, and a few bytes on their way may still cross as it begins.",
		"A connection made during a drop or jam is dialled on to the server at once: the server sees it, though no bytes.",
		"A disabled proxy frees its port: after refuse, healing fails if somebody else has taken it.",
		"Under reset an existing connection is closed, not reset, and only once bytes flow; new connections are reset when bytes flow.",
	}
	if !s.gated {
		c = append(c,
			"Without the gate, a drop is a timeout toxic: when one side closes its connection, that crosses the cut.",
			"Without the gate, a jam is a bandwidth toxic: a close that nothing was sent before crosses the cut, and healing takes 5 to 10 s when the peers have gone meanwhile.",
		)
	}
	return c
}

// A remote is the wire of a link through a Toxiproxy that runs elsewhere.
type remote struct {
	server  *remoteServer
	name    string
	created bool // by us, so ours to delete
	address string
	toxics  map[string]bool // the stock ones that are, or may be, there
}

// newRemote creates the proxy, or adopts one that is there with the same upstream and nothing left of an earlier network.
func newRemote(ctx context.Context, s *remoteServer, name, at, upstream string) (*remote, error) {
	r := &remote{server: s, name: name, toxics: make(map[string]bool)}
	var proxy toxiproxy.Proxy
	err := s.api.call(ctx, http.MethodGet, nil, &proxy, "proxies", name)
	switch {
	case err == nil:
		err = r.adopt(ctx, &proxy, at, upstream)
	case status(err) == http.StatusNotFound:
		r.created = true
		if at == "" {
			at = net.JoinHostPort(s.listen, "0")
		}
		wanted := toxiproxy.Proxy{Name: name, Listen: at, Upstream: upstream, Enabled: true}
		if err = s.api.call(ctx, http.MethodPost, &wanted, &proxy, "proxies"); status(err) == 0 {
			err = r.closeAfter(ctx, err) // without an answer, it may be there
		}
	}
	if err != nil {
		return nil, err
	}
	r.address = s.reach(proxy.Listen)
	if s.gated {
		for i := range streams {
			if err := r.add(ctx, newToxic(gateName(i), gateType, i, gateMode(modePass))); err != nil {
				return nil, r.closeAfter(ctx, err)
			}
		}
	}
	return r, nil
}

// adopt makes a proxy that was there before fit for use.
func (r *remote) adopt(ctx context.Context, proxy *toxiproxy.Proxy, at, upstream string) error {
	if proxy.Upstream != upstream {
		return fmt.Errorf("%w: %s: Toxiproxy has a proxy of that name to %s, not to %s", ErrBadLink, r.name, proxy.Upstream, upstream)
	}
	if at != "" && proxy.Listen != at {
		return fmt.Errorf("%w: %s: Toxiproxy's proxy of that name listens on %s, not on %s", ErrBadLink, r.name, proxy.Listen, at)
	}
	for _, t := range proxy.ActiveToxics {
		if !strings.HasPrefix(t.Name, toxicPrefix) {
			return fmt.Errorf("%w: %s: Toxiproxy's proxy of that name has a toxic %s, which is not ours", ErrBadLink, r.name, t.Name)
		}
		if err := r.delete(ctx, t.Name); err != nil {
			return err
		}
	}
	if !proxy.Enabled {
		return r.refuse(ctx, false)
	}
	return nil
}

func newToxic(name, kind string, stream int, attributes toxiproxy.Attributes) toxiproxy.Toxic {
	return toxiproxy.Toxic{Name: name, Type: kind, Stream: streams[stream], Toxicity: 1, Attributes: attributes}
}

func gateName(stream int) string { return toxicPrefix + gateType + "-" + streams[stream] }

func gateMode(m mode) toxiproxy.Attributes { return toxiproxy.Attributes{"mode": m.String()} }

func (r *remote) add(ctx context.Context, t toxiproxy.Toxic) error {
	return r.server.api.call(ctx, http.MethodPost, t, nil, "proxies", r.name, "toxics")
}

func (r *remote) delete(ctx context.Context, toxic string) error {
	return gone(r.server.api.call(ctx, http.MethodDelete, nil, nil, "proxies", r.name, "toxics", toxic))
}

func (r *remote) addr() string { return r.address }

func (r *remote) traffic() (Traffic, bool) { return Traffic{}, false }

// gate sets what the two streams do, through the gates or through stock toxics.
func (r *remote) gate(ctx context.Context, m modes) error {
	if !r.server.gated {
		return r.stockGate(ctx, m)
	}
	for i := range streams {
		update := map[string]any{"attributes": gateMode(m[i])}
		if err := r.server.api.call(ctx, http.MethodPatch, update, nil, "proxies", r.name, "toxics", gateName(i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *remote) stockGate(ctx context.Context, m modes) error {
	if m.open() {
		return r.removeStock(ctx)
	}
	for i := range streams {
		var err error
		switch m[i] {
		case modePass:
		case modeDrop:
			err = r.addStock(ctx, "timeout", i, toxiproxy.Attributes{"timeout": 0})
		case modeJam:
			err = r.addStock(ctx, "bandwidth", i, toxiproxy.Attributes{"rate": 0})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addStock adds a toxic of Toxiproxy's own. It is remembered before, because a request that fails may have been obeyed.
func (r *remote) addStock(ctx context.Context, kind string, stream int, attributes toxiproxy.Attributes) error {
	name := toxicPrefix + kind + "-" + streams[stream]
	r.toxics[name] = true
	return r.add(ctx, newToxic(name, kind, stream, attributes))
}

func (r *remote) removeStock(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(r.toxics)) {
		if err := r.delete(ctx, name); err != nil {
			return err
		}
		delete(r.toxics, name)
	}
	return nil
}

func (r *remote) refuse(ctx context.Context, on bool) error {
	return r.server.api.call(ctx, http.MethodPost, map[string]any{"enabled": !on}, nil, "proxies", r.name)
}

func (r *remote) reset(ctx context.Context, on bool) error {
	if !on {
		return r.removeStock(ctx)
	}
	for i := range streams {
		if err := r.addStock(ctx, "reset_peer", i, toxiproxy.Attributes{"timeout": 0}); err != nil {
			return err
		}
	}
	return nil
}

// closeAfter returns err, after deleting what we made if err is one.
func (r *remote) closeAfter(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return errors.Join(err, r.close(ctx))
}

// close deletes what we made: the proxy, or our toxics in a proxy that was there before.
func (r *remote) close(ctx context.Context) error {
	if r.created {
		return gone(r.server.api.call(ctx, http.MethodDelete, nil, nil, "proxies", r.name))
	}
	err := r.removeStock(ctx)
	if r.server.gated {
		for i := range streams {
			err = errors.Join(err, r.delete(ctx, gateName(i)))
		}
	}
	return err
}
