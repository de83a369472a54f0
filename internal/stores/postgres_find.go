package stores

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

const getPostgres = "apt-get install postgresql, or brew install postgresql, or name a running one in " + PostgresVariable

// FindPostgres returns the directory of the initdb and the postgres of this machine, the newest of several: in /usr/lib/postgresql, where Debian puts them, from Homebrew, or in PATH. It
// runs nothing. The error is a [*NotInstalledError].
func FindPostgres() (bin string, err error) { return findPostgres("/") }

// findPostgres is FindPostgres on a machine whose files are under root.
func findPostgres(root string) (string, error) {
	patterns := []string{"usr/lib/postgresql/*/bin", "usr/pgsql-*/bin"}
	for _, prefix := range brewPrefixes {
		patterns = append(patterns, prefix+"/opt/postgresql@*/bin", prefix+"/opt/postgresql/bin")
	}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(root, pattern)) // The only error is a bad pattern.
		found = slices.DeleteFunc(found, func(bin string) bool { return !isPostgres(bin) })
		if len(found) > 0 {
			return slices.MaxFunc(found, func(a, b string) int { return majorOf(a) - majorOf(b) }), nil
		}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.Abs(path); err == nil && isPostgres(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	return "", &NotInstalledError{Missing: "PostgreSQL", Hint: getPostgres}
}

func isPostgres(bin string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(bin, program)); err != nil {
			return false
		}
	}
	return true
}

var majorVersion = regexp.MustCompile(`(\d+)[^/\\]*[/\\]bin$`)

// majorOf returns the version in the name of a directory, 0 if there is none.
func majorOf(bin string) int {
	m := majorVersion.FindStringSubmatch(bin)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
