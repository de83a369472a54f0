package redisfence

import (
	"fmt"
	"strings"
)

// A ResourceError says why a resource cannot have that name. Nothing was sent.
// It is a value that nobody changes, and so safe for concurrent use.
type ResourceError struct {
	Resource string
	// Why is a few words, without capital and full stop.
	Why string
}

// Error names the resource and the reason.
func (e *ResourceError) Error() string {
	return fmt.Sprintf("redisfence: resource %q: %s", e.Resource, e.Why)
}

// A KeyError says why an effect on a resource cannot be given that key. Nothing was sent.
// It is a value that nobody changes, and so safe for concurrent use.
type KeyError struct {
	Resource, Key string
	// Why is a few words, without capital and full stop.
	Why string
}

// Error names the key, the resource and the reason.
func (e *KeyError) Error() string {
	return fmt.Sprintf("redisfence: key %q for resource %q: %s", e.Key, e.Resource, e.Why)
}

// Key returns the key of something that belongs to a resource, for use with [Guard.Do]: the prefix, the resource in braces, so that all of it shares a hash slot
// with the mark, and the name. The name "" is the value of Read, Write and Delete, and ":mark" is the mark itself, which only the guard may touch.
func (g *Guard) Key(resource, name string) string { return g.prefix + "{" + resource + "}" + name }

const markName = ":mark"

// checkResource refuses names that would not be a hash tag: Redis takes what is between the first { and the next }, if it is not empty.
func checkResource(resource string) error {
	switch {
	case resource == "":
		return &ResourceError{Resource: resource, Why: "the name is empty"}
	case strings.ContainsAny(resource, "{}"):
		return &ResourceError{Resource: resource, Why: "a name has no braces"}
	}
	return nil
}

// checkKeys refuses keys that are elsewhere than the mark, and the mark. It does so on a single server too: moving to a cluster must not change what works.
func (g *Guard) checkKeys(resource string, keys []string) error {
	for _, key := range keys {
		switch {
		case key == g.Key(resource, markName):
			return &KeyError{Resource: resource, Key: key, Why: "that is the mark"}
		case hashTag(key) != resource:
			return &KeyError{Resource: resource, Key: key, Why: fmt.Sprintf("it must have {%s} in it, to be on the same server as the mark", resource)}
		}
	}
	return nil
}

// hashTag is what Redis Cluster hashes of a key that has one, and else empty.
func hashTag(key string) string {
	_, rest, found := strings.Cut(key, "{")
	tag, _, closed := strings.Cut(rest, "}")
	if !found || !closed {
		return ""
	}
	return tag
}
