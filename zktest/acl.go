package zktest

import (
	"crypto/sha1" //nolint:gosec // it is what the digest scheme is made of
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
)

// identity is somebody that a connection has proven to be, or an entry of an ACL speaks of.
type identity struct{ scheme, id string }

// acl is one entry of an access control list.
type acl struct {
	perms int32
	identity
}

// Permissions.
const (
	permRead = 1 << iota
	permWrite
	permCreate
	permDelete
	permAdmin
)

func openACL() []acl {
	return []acl{{perms: permRead | permWrite | permCreate | permDelete | permAdmin, identity: identity{"world", "anyone"}}}
}
func readACL() []acl { return []acl{{perms: permRead, identity: identity{"world", "anyone"}}} }

// authenticate returns whom a client proves to be with credentials.
func authenticate(scheme string, credentials []byte, ip string) (identity, bool) {
	switch scheme {
	case "digest":
		user, _, _ := strings.Cut(string(credentials), ":")
		sum := sha1.Sum(credentials) //nolint:gosec // as above
		return identity{"digest", user + ":" + base64.StdEncoding.EncodeToString(sum[:])}, true
	case "ip":
		return identity{"ip", ip}, true
	}
	return identity{}, false
}

// resolve makes an ACL that a client sends into one that is stored: who is meant by auth is written out.
func resolve(list []acl, who []identity) ([]acl, bool) {
	var out []acl
	seen := make(map[acl]bool)
	add := func(a acl) {
		if !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	for _, a := range list {
		switch a.scheme {
		case "world":
			if a.id != "anyone" {
				return nil, false
			}
			add(a)
		case "auth":
			found := false
			for _, w := range who {
				if w.scheme != "ip" { // an address is no proof
					found = true
					add(acl{perms: a.perms, identity: w})
				}
			}
			if !found {
				return nil, false
			}
		case "digest":
			if strings.Count(a.id, ":") != 1 || strings.HasSuffix(a.id, ":") {
				return nil, false
			}
			add(a)
		case "ip":
			if _, ok := addressRange(a.id); !ok {
				return nil, false
			}
			add(a)
		default:
			return nil, false
		}
	}
	return out, len(out) > 0
}

// allowed reports whether one of who may do what perm stands for.
func allowed(list []acl, perm int32, who []identity) bool {
	if len(list) == 0 {
		return true
	}
	for _, a := range list {
		if a.perms&perm == 0 {
			continue
		}
		if a.identity == (identity{"world", "anyone"}) {
			return true
		}
		for _, w := range who {
			if w.scheme == a.scheme && (w.id == a.id || w.scheme == "ip" && within(w.id, a.id)) {
				return true
			}
		}
	}
	return false
}

// masked hides the digests of an ACL from who may not change it.
func masked(list []acl) []acl {
	out := make([]acl, len(list))
	for i, a := range list {
		if user, _, ok := strings.Cut(a.id, ":"); ok && a.scheme == "digest" {
			a.id = user + ":x"
		}
		out[i] = a
	}
	return out
}

func addressRange(id string) (netip.Prefix, bool) {
	address, bits, ranged := strings.Cut(id, "/")
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	n := ip.BitLen()
	if ranged {
		if n, err = strconv.Atoi(bits); err != nil {
			return netip.Prefix{}, false
		}
	}
	p, err := ip.Prefix(n)
	return p, err == nil
}

func within(ip, id string) bool {
	p, ok := addressRange(id)
	a, err := netip.ParseAddr(ip)
	return ok && err == nil && p.Contains(a.Unmap())
}
