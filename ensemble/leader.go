package ensemble

import (
	"context"
	"time"
)

// leaderPatience is how long a server may take to say whether it leads. One that stands still never does.
const leaderPatience = 2 * time.Second

// Leader returns the server that says that it leads; a single server is the leader of one.
//
// It asks all servers at once, and blocks until more than half of them have said that they serve and one of them that it leads, until all have answered,
// until ctx ends, or for 2 s. A leader that was cut off from its followers goes on saying so for a while: of two, the one of the later epoch is returned.
// If nobody leads the error is a [*NoLeaderError], as it is during an election: who waits for one asks again. If ctx has ended it is ctx's cause.
func (e *Ensemble) Leader(ctx context.Context) (*Server, error) {
	within, cancel := context.WithTimeout(ctx, leaderPatience)
	defer cancel()
	type answer struct {
		from *Server
		srvr string
		err  error
	}
	answers := make(chan answer, len(e.servers))
	for _, s := range e.servers {
		go func() {
			srvr, err := s.ask(within, "srvr")
			answers <- answer{s, srvr, err}
		}()
	}
	var leader *Server
	var newest uint64 // The last transaction of leader; its upper half is the epoch.
	serving, said := 0, make([]string, len(e.servers))
	for left := len(e.servers); left > 0; left-- {
		a := <-answers
		if leader != nil && 2*serving > len(e.servers) {
			continue // It is decided; the rest is only waited for, and cancelled.
		}
		mode := modeOf(a.srvr)
		switch {
		case a.err != nil:
			said[a.from.number-1] = a.err.Error()
			continue
		case mode == "":
			said[a.from.number-1] = firstLine(a.srvr)
			continue
		}
		serving++
		said[a.from.number-1] = mode
		if zxid := zxidOf(a.srvr); (mode == "leader" || mode == "standalone") && (leader == nil || zxid > newest) {
			leader, newest = a.from, zxid
		}
		if leader != nil && 2*serving > len(e.servers) {
			cancel()
		}
	}
	switch {
	case leader != nil:
		return leader, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, &NoLeaderError{Answers: said}
}
