package zktest

import (
	"maps"
	"slices"
	"time"
)

func (s *Server) rearmReaperLocked() {
	s.reaper = time.AfterFunc(s.cfg.ReapEvery, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		if s.frozen == nil {
			s.reapLocked()
		}
		s.rearmReaperLocked()
	})
}

// reapLocked deletes containers that had children and have none now, and TTL nodes without children that nobody has written for their time:
// ContainerManager. Each goes with a zxid of its own.
func (s *Server) reapLocked() {
	for _, path := range slices.Sorted(maps.Keys(s.tree.timed)) {
		n := s.tree.nodes[path]
		if len(n.children) > 0 {
			continue
		}
		if n.owner == containerOwner {
			if n.created == 0 {
				continue
			}
		} else if time.Since(time.UnixMilli(n.mtime)) <= time.Duration(n.owner&maxTTL)*time.Millisecond {
			continue
		}
		x := s.beginLocked(0, nil)
		x.drop(path, n)
		s.deliverLocked(x.commit())
	}
}
