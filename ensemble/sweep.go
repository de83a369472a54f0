package ensemble

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// A temporary directory carries the name of who made it, zkkit-ensemble-<host>-<pid>-<start>-<random>, so that the next Start can tell what
// a killed process left behind from what a living one uses. The host is in it because containers may share the directory, but not the pids.
const dirPrefix = "zkkit-ensemble-"

var dirName = regexp.MustCompile(`^` + dirPrefix + `([0-9a-f]{8})-([0-9]+)-([0-9]+)-[0-9]+$`)

// An owner is a process, in a way that a later one with the same number is not mistaken for it.
type owner struct {
	host  string
	pid   int
	start int64 // In a unit of the system's own, 0 where it cannot be known.
}

func self() owner {
	o := owner{host: hostID(), pid: os.Getpid()}
	o.start, _ = processStart(o.pid)
	return o
}

// hostID names the space in which process numbers mean the same.
func hostID() string {
	h := fnv.New32a()
	name, _ := os.Hostname()
	pids, _ := os.Readlink("/proc/self/ns/pid")
	fmt.Fprintf(h, "%s\x00%s", name, pids)
	return fmt.Sprintf("%08x", h.Sum32())
}

// makeDir makes a directory in parent that is named after this process.
func makeDir(parent string) (string, error) {
	o := self()
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%s%s-%d-%d-*", dirPrefix, o.host, o.pid, o.start))
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// ownerOf reads the name of a directory back. It reports false for a name that is not ours.
func ownerOf(name string) (owner, bool) {
	m := dirName.FindStringSubmatch(name)
	if m == nil {
		return owner{}, false
	}
	pid, err := strconv.Atoi(m[2])
	if err != nil {
		return owner{}, false
	}
	start, err := strconv.ParseInt(m[3], 10, 64)
	return owner{host: m[1], pid: pid, start: start}, err == nil
}

// isDead reports whether the process is surely no more: there is none with its number, or it is another one.
func (o owner) isDead() bool {
	start, alive := processStart(o.pid)
	return !alive || o.start != 0 && start != 0 && start != o.start
}

// sweep removes what dead processes of this host and user left in parent. What cannot be removed now is left for another time.
func sweep(parent string, logger *slog.Logger) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	host := hostID()
	for _, entry := range entries {
		o, ours := ownerOf(entry.Name())
		if !ours || o.host != host || !entry.IsDir() || !isMine(entry) || !o.isDead() {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		err := os.RemoveAll(dir)
		logger.Info("removed what a dead process left behind", "dir", dir, "pid", o.pid, "err", err)
	}
}
