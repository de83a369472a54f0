//go:build unix

package child

import (
	"io/fs"
	"os"
	"syscall"
)

// isMine reports whether an entry of a directory belongs to this user. Temporary directories are shared, and root may remove anything.
func isMine(entry fs.DirEntry) bool {
	info, err := entry.Info()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid()
}
