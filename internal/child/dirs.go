package child

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// MakeDir makes a directory in parent that is marked with this process, zkkit-<kind>-<host>-<pid>-<start>-<random>, and returns its absolute path.
// Whoever made it removes it; [SweepDirs] does when this process is no more. kind is a word in lower-case letters.
func MakeDir(parent, kind string) (string, error) {
	dir, err := os.MkdirTemp(parent, dirPrefix(kind)+Self().String()+"-*")
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

func dirPrefix(kind string) string { return "zkkit-" + kind + "-" }

var dirMark = regexp.MustCompile(`^(.*)-[0-9]+$`)

// dirOwner reads the name of a directory back. It reports false for a name that is not ours.
func dirOwner(name, kind string) (Owner, bool) {
	mark, ours := strings.CutPrefix(name, dirPrefix(kind))
	m := dirMark.FindStringSubmatch(mark)
	if !ours || m == nil {
		return Owner{}, false
	}
	return ParseOwner(m[1])
}

// SweepDirs removes the directories of this kind that dead processes of this host and user left in parent. What cannot be removed now is left for another time.
// logger hears of each.
func SweepDirs(parent, kind string, logger *slog.Logger) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		o, ours := dirOwner(entry.Name(), kind)
		if !ours || !entry.IsDir() || !isMine(entry) || !o.IsDead() {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		err := os.RemoveAll(dir)
		logger.Info("removed what a dead process left behind", "dir", dir, "pid", o.pid, "err", err)
	}
}
