//go:build unix

package stores

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// An account is whom a PostgreSQL runs as. It refuses to run as root.
type account struct {
	name     string
	uid, gid int
	other    bool // Than ours.
}

// postgresAccount returns our own, but for root that of PostgreSQL, or nobody's.
func postgresAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil && uid != 0 {
			return account{name: name, uid: uid, gid: gid, other: true}, nil
		}
	}
	return account{}, fmt.Errorf("%w: PostgreSQL does not run as root, and there is no user postgres or nobody", ErrNotPossible)
}

// apply makes a command run as the account.
func (a account) apply(cmd *exec.Cmd) {
	if a.other {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
	}
}

// own gives files to the account, and lets it into the directory that they are in.
func (a account) own(dir string, files ...string) error {
	if !a.other {
		return nil
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Chown(f, a.uid, a.gid); err != nil {
			return err
		}
	}
	return nil
}

// tempDir returns a directory for temporary files that the account may enter: the usual one, else what every machine has.
func (a account) tempDir() (string, error) {
	usual, err := filepath.Abs(os.TempDir())
	if err != nil {
		return "", fmt.Errorf("stores: temporary directory: %w", err)
	}
	for _, dir := range []string{usual, "/tmp", "/var/tmp"} {
		if !a.other || a.canEnter(dir) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%w: PostgreSQL does not run as root, and user %s may not enter %s: chmod a+x it, or name another one in TMPDIR", ErrNotPossible, a.name, usual)
}

// canEnter reports whether the account may enter a directory and all above it.
func (a account) canEnter(dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		may := info.Mode()&0o001 != 0
		if ok && int(s.Uid) == a.uid {
			may = info.Mode()&0o100 != 0
		}
		if !may {
			return false
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return true
	}
}
