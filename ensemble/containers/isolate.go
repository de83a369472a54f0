package containers

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"

	"github.com/zkkit/zkkit/internal/docker"
)

// Disconnect takes the server off the network of a side: packets in either direction are lost from then on, without a word. A server that is cut
// off from its peers stays within reach of its clients, and the other way round; Addr leads nowhere when the clients are cut off.
// It blocks until that is so, does nothing where the server is disconnected already, and works for one that is paused or has ended.
func (s *Server) Disconnect(ctx context.Context, side Side) error {
	return s.move(ctx, side, true)
}

// Reconnect brings the server back to the network of a side, with the same address and names. It blocks until that is so, and does nothing where the
// server is connected. Until the server serves again takes longer, if it does not already.
func (s *Server) Reconnect(ctx context.Context, side Side) error {
	return s.move(ctx, side, false)
}

// move takes the server off networks or brings it back.
func (s *Server) move(ctx context.Context, side Side, away bool) error {
	sides := side.networks()
	if sides == nil {
		return fmt.Errorf("%w: %v is no side", ErrConfig, side)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ensemble.stopped.Load() {
		return ErrStopped
	}
	for _, side := range sides {
		if s.away[side] == away {
			continue
		}
		n, e := s.ensemble.networks[side], s.ensemble.engine
		var err error
		what := "disconnecting " + s.name + " from its "
		if away {
			_, err = e.NetworkDisconnect(ctx, n.id, client.NetworkDisconnectOptions{Container: s.id})
		} else {
			what = "reconnecting " + s.name + " to its "
			_, err = e.NetworkConnect(ctx, n.id, client.NetworkConnectOptions{Container: s.id, EndpointConfig: s.endpoint(side)})
		}
		if err != nil {
			return docker.Explain(ctx, what+side.String(), err)
		}
		s.away[side] = away
	}
	return nil
}
