package ensemble

import "github.com/zkkit/zkkit/internal/child"

const (
	loopback     = child.Loopback
	portsPerHost = 3
)

// ports are those of one server. Only a member of a larger ensemble uses the last two.
type ports struct{ client, quorum, election int }

// usualPorts are for a server that has an address of its own.
var usualPorts = ports{client: 2181, quorum: 2888, election: 3888}
