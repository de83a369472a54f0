package zktest

import (
	"math"
	"strings"
)

// stat is a znode's metadata as clients see them.
type stat struct {
	czxid, mzxid, ctime, mtime, owner, pzxid             int64
	version, cversion, aversion, dataLength, numChildren int32
}

// node is a znode.
type node struct {
	data     []byte
	acl      []acl
	children map[string]*node // by the last element of their paths

	czxid, mzxid, pzxid int64
	ctime, mtime        int64 // ms since 1970
	version, aversion   int32
	created             int32 // how many children were ever created: the next one's sequence number
	owner               int64 // the session of an ephemeral node, or a mark of another kind: see kindOf
}

func (n *node) stat() stat {
	children := int32(len(n.children))
	owner := n.owner
	if kindOf(owner, true) != ephemeral {
		owner = 0 // DataNode.getClientEphemeralOwner: what else the field means is the server's own business
	}
	return stat{
		czxid: n.czxid, mzxid: n.mzxid, ctime: n.ctime, mtime: n.mtime, owner: owner, pzxid: n.pzxid, version: n.version, aversion: n.aversion,
		// Servers count creations only, and show the sum of creations and deletions.
		cversion: n.created*2 - children, dataLength: int32(len(n.data)), numChildren: children,
	}
}

// kind is what the owner field tells of a znode: DataNode and EphemeralType.
type kind int

const (
	persistent kind = iota
	ephemeral
	container
	ttl
)

const (
	containerOwner = math.MinInt64       // 0x8000000000000000
	ttlMask        = int64(-1) << 56     // 0xff in the top byte
	maxTTL         = int64(1)<<40 - 1    // ms
	ttlReserved    = int64(0xffff) << 40 // no feature but TTL is known
)

// kindOf tells what the owner field means. Without extended types a session may have any id.
func kindOf(owner int64, extended bool) kind {
	switch {
	case owner == 0:
		return persistent
	case owner == containerOwner:
		return container
	case extended && owner&ttlMask == ttlMask && owner&ttlReserved == 0:
		return ttl
	}
	return ephemeral
}

// tree is the znodes and the watches on them. It changes only through the methods of a txn; it is not safe for concurrent use.
type tree struct {
	nodes      map[string]*node
	ephemerals map[int64]map[string]bool // paths by session
	timed      map[string]bool           // containers and TTL nodes
	watches    watches
	extended   bool
}

func newTree(extended bool) *tree {
	t := &tree{
		nodes: make(map[string]*node), ephemerals: make(map[int64]map[string]bool), timed: make(map[string]bool), watches: newWatches(), extended: extended,
	}
	// What a new server has. These nodes count as nobody's creations.
	for _, n := range []struct {
		path string
		acl  []acl
	}{{"/", openACL()}, {"/zookeeper", openACL()}, {"/zookeeper/quota", openACL()}, {"/zookeeper/config", readACL()}} {
		t.nodes[n.path] = &node{data: []byte{}, acl: n.acl, children: make(map[string]*node)}
	}
	t.nodes["/zookeeper/config"].aversion = -1 // as DataTree.addConfigNode leaves it
	t.nodes[""] = t.nodes["/"]                 // servers know the root by two names
	t.nodes["/"].children["zookeeper"] = t.nodes["/zookeeper"]
	t.nodes["/zookeeper"].children["quota"] = t.nodes["/zookeeper/quota"]
	t.nodes["/zookeeper"].children["config"] = t.nodes["/zookeeper/config"]
	return t
}

// isSpecial reports whether nobody may delete a path.
func isSpecial(path string) bool {
	switch path {
	case "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config":
		return true
	}
	return false
}

// split returns the path of the parent and the last element.
func split(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}

// validPath is PathUtils.validatePath.
func validPath(path string) bool {
	if path == "/" {
		return true
	}
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return false
	}
	for _, element := range strings.Split(path[1:], "/") {
		if element == "" || element == "." || element == ".." {
			return false
		}
	}
	for _, r := range path {
		if r <= 0x1f || r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0 && r <= 0xffff {
			return false
		}
	}
	return true
}

// descendants counts what is below a path.
func (n *node) descendants() int32 {
	total := int32(len(n.children))
	for _, child := range n.children {
		total += child.descendants()
	}
	return total
}
