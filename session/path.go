package session

import "strings"

// Parent returns the path above path, "/" at the top.
func Parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return "/"
	}
	return path[:i]
}

// Base returns the last element of path.
func Base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Join puts a child's name under a path.
func Join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// abs and rel translate between the paths of this client and those of the servers.
func (s *Session) abs(path string) string {
	if s.cfg.Chroot != "" && path == "/" {
		return s.cfg.Chroot
	}
	return s.cfg.Chroot + path
}

func (s *Session) rel(path string) string {
	if s.cfg.Chroot == "" || path == "" {
		return path
	}
	if r := strings.TrimPrefix(path, s.cfg.Chroot); r != "" {
		return r
	}
	return "/"
}
