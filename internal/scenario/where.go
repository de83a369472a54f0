package scenario

import "fmt"

// A Where says between whom the cut is. The zero Where is [WhereHolder].
type Where string

// The places of a cut.
const (
	WhereHolder   Where = "holder"   // the holder and all servers
	WhereFollower Where = "follower" // the holder's server, a follower, and the other servers: the holder still talks to its own
	WhereLeader   Where = "leader"   // the holder's server, the leader, and the other servers: the holder still talks to it
	WhereMinority Where = "minority" // as many servers as can be missed, the holder's among them, and the others
)

// Wheres returns all places of a cut.
func Wheres() []Where { return []Where{WhereHolder, WhereFollower, WhereLeader, WhereMinority} }

// About returns who is cut off from whom, in one line; "" for a place that it does not know.
func (w Where) About() string {
	switch w {
	case WhereHolder:
		return "the holder, from all servers"
	case WhereFollower:
		return "the holder's server, a follower, from its leader; the holder still talks to it"
	case WhereLeader:
		return "the holder's server, the leader, from its followers; the holder still talks to it"
	case WhereMinority:
		return "the holder's server and as many others as a quorum can miss, from the rest"
	}
	return ""
}

// amongServers reports whether servers are cut off from each other, and no client from its server.
func (w Where) amongServers() bool {
	return w == WhereFollower || w == WhereLeader || w == WhereMinority
}

// spared returns how many of n servers are cut off from the others.
func (w Where) spared(n int) int {
	switch w {
	case WhereFollower, WhereLeader:
		return 1
	case WhereMinority:
		return (n - 1) / 2
	default:
		return 0
	}
}

// Between names both sides of the cut, for a line.
func (p Parameters) Between() string {
	switch p.Where {
	case WhereFollower:
		return "the holder's server <-> its leader"
	case WhereLeader:
		return "the holder's server, the leader <-> its followers"
	case WhereMinority:
		return fmt.Sprintf("%s of %d, the holder's among them <-> the others", count(p.Where.spared(p.Servers), "server"), p.Servers)
	default:
		return "holder <-> ZooKeeper"
	}
}

// Meanwhile says what those who are cut off with the holder make it believe, as the rest of a sentence; "" where nobody is.
func (p Parameters) Meanwhile() string {
	switch {
	case !p.Where.amongServers():
		return ""
	case p.Where == WhereLeader:
		return fmt.Sprintf("; its followers elect another leader when they have heard nothing for %v, and that one gives every session its whole timeout again", p.SyncLimit)
	}
	return fmt.Sprintf("; the holder's server notices nothing for %v, and goes on answering its pings", p.SyncLimit)
}
