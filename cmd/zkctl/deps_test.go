package main_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The layout of this repository, as data. It is a statement of policy: when a build does not agree with it, the build is wrong, and a change
// here is a decision about the design, to be made as one.
//
// Each row may import only rows above it, and of third parties only what its package lists, by prefix. A package that is not here may not exist.
//
// Test files may import more: their own package, the ones that tests are there to be used by (testTools), of third parties testLibraries, and
// go-zookeeper where the table allows it, in the tests of zktest, which must not inherit our own misunderstandings of the protocol, in those of zklock, where
// its lock and ours must exclude each other, and in those of zkctl server, for what session never asks of a server.
var layout = [][]entry{
	{{pkg: "internal/child"}},
	{{pkg: "internal/docker", uses: []string{testcontainers, mobyClient, mobyAPI, errdefs}}},
	{{pkg: "fence"}, {pkg: "zktest", testUses: []string{goZooKeeper}, usedBy: []string{"internal/scenario", "cmd/zkctl"}}},
	{{pkg: "fence/fencetest", uses: []string{porcupine}, usedBy: []string{}}},
	{{pkg: "fence/sqlfence", testUses: []string{pgx, sqlite}}, {pkg: "fence/redisfence", uses: []string{redis}, testUses: []string{miniredis}}, {pkg: "fence/httpfence"}},
	{{pkg: "ratelimit", uses: []string{redis}, testUses: []string{miniredis}}},
	{{pkg: "ratelimit/httplimit", testUses: []string{redis, miniredis}}, {pkg: "ratelimit/promlimit", uses: []string{prometheus}, testUses: []string{redis, miniredis}}},
	{{pkg: "session", uses: []string{goZooKeeper}}},
	{{pkg: "partition", uses: []string{toxiproxy, zerolog}}},
	{{pkg: "ensemble"}},
	{
		{pkg: "ensemble/containers", uses: []string{testcontainers, mobyClient, mobyAPI, toxiproxy}},
		{pkg: "docker/toxiproxy", uses: []string{toxiproxy, zerolog}}, // What is in the image of that name.
	},
	{{pkg: "internal/stores", testUses: []string{redis}, uses: []string{miniredis, pgx, mobyClient, mobyAPI}}},
	{{pkg: "cas", testUses: []string{"github.com/anishathalye/porcupine"}}}, // It knows of a lock only what cas.Hold says, so that it needs none.
	{{pkg: "zklock", testUses: []string{goZooKeeper}}},
	{{pkg: "shard", uses: []string{"github.com/cespare/xxhash"}, testUses: []string{redis}}}, // For the limit that its members share.
	{{pkg: "internal/scenario", uses: []string{
		porcupine,
		// The subjects that fail, and what they fail on.
		goZooKeeper, "github.com/go-redsync/redsync", "github.com/go-redis/redis_rate", redis, pgx, sqlite, miniredis,
	}}},
	{{pkg: "docker/sample"}}, // A service to copy, and its test.
	{{pkg: "cmd/zkctl", uses: []string{"github.com/spf13/cobra"}, testUses: []string{goZooKeeper}}},
}

const (
	module         = "github.com/zkkit/zkkit"
	goZooKeeper    = "github.com/go-zookeeper/zk"
	redis          = "github.com/redis/go-redis"
	miniredis      = "github.com/alicebob/miniredis"
	pgx            = "github.com/jackc/pgx"
	sqlite         = "modernc.org/sqlite"
	porcupine      = "github.com/anishathalye/porcupine"
	toxiproxy      = "github.com/Shopify/toxiproxy"
	testcontainers = "github.com/testcontainers/testcontainers-go"
	mobyClient     = "github.com/moby/moby/client" // What its API is made of, with the two below.
	mobyAPI        = "github.com/moby/moby/api"
	errdefs        = "github.com/containerd/errdefs"
	prometheus     = "github.com/prometheus/client_golang/prometheus"
	zerolog        = "github.com/rs/zerolog" // The constructors of toxiproxy take its logger.
)

var (
	testTools     = []string{"fence/fencetest", "ensemble", "ensemble/containers", "internal/stores", "partition", "zktest"}
	testLibraries = []string{"github.com/stretchr/testify", "go.uber.org/goleak", "github.com/rogpeppe/go-internal", "pgregory.net/rapid"}
	vagueNames    = []string{"util", "utils", "common", "types", "helpers", "misc"}
)

// An entry is what one package may use beside the rows above it.
type entry struct {
	pkg      string
	uses     []string // Prefixes of third parties' import paths.
	testUses []string // More of them, for its tests.
	usedBy   []string // The only ones that may import it, beside tests; nil means every row below.
}

// A source is one parsed file, as far as the rules need it.
type source struct {
	name    string
	test    bool
	comment bool // It has a package comment.
	imports []string
}

// TestLayout holds the tree against the table. It parses the tree in this process, since the test cache knows which files a test has opened
// and does not know which ones a command that it ran did.
func TestLayout(t *testing.T) {
	tree := os.DirFS("../..")
	_, err := fs.Stat(tree, "go.mod")
	require.NoError(t, err, "not the root of the module")
	for _, problem := range check(tree, layout) {
		t.Error(problem)
	}
}

// Whoever imports zklock gets go-zookeeper and nothing else of third parties.
func TestWhatZklockPullsIn(t *testing.T) {
	require.Equal(t, []string{goZooKeeper}, pullsIn(os.DirFS("../.."), "zklock"))
}

// check returns what is wrong with the tree, nil if nothing is.
func check(tree fs.FS, layout [][]entry) []string {
	packages, problems := parse(tree)
	row, entries := map[string]int{}, map[string]entry{}
	for i, r := range layout {
		for _, e := range r {
			row[e.pkg], entries[e.pkg] = i, e
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		if _, listed := entries[dir]; !listed {
			problems = append(problems, fmt.Sprintf("%s: a package that the table does not list", dir))
			continue
		}
		files := packages[dir]
		if n := comments(files); n != 1 && slices.ContainsFunc(files, func(f source) bool { return !f.test }) {
			problems = append(problems, fmt.Sprintf("%s: %d files have a package comment, want one", dir, n))
		}
		for _, f := range files {
			for _, imp := range f.imports {
				if why := refuse(dir, f.test, imp, row, entries); why != "" {
					problems = append(problems, fmt.Sprintf("%s: imports %s: %s", f.name, imp, why))
				}
			}
		}
	}
	return problems
}

// refuse says why a file of dir may not import imp, and nothing when it may.
func refuse(dir string, test bool, imp string, row map[string]int, entries map[string]entry) string {
	if isStandard(imp) {
		return ""
	}
	if imp == module || within(imp, module) {
		ours := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
		to, listed := row[ours]
		switch {
		case test && (ours == dir || slices.Contains(testTools, ours)):
			return ""
		case !listed:
			return "a package that the table does not list"
		case to >= row[dir]:
			return "a row may import only rows above it"
		case !test && entries[ours].usedBy != nil && !slices.Contains(entries[ours].usedBy, dir):
			return "only tests may, and " + strings.Join(entries[ours].usedBy, ", ")
		}
		return ""
	}
	allowed := entries[dir].uses
	if test {
		allowed = slices.Concat(allowed, entries[dir].testUses, testLibraries)
	}
	if !slices.ContainsFunc(allowed, func(prefix string) bool { return imp == prefix || within(imp, prefix) }) {
		return "a third party that the table does not list for " + dir
	}
	return ""
}

// within reports whether an import path is below prefix, by whole elements.
func within(imp, prefix string) bool { return strings.HasPrefix(imp, prefix+"/") }

// isStandard reports whether an import path is of the standard library, whose first elements have no dot.
func isStandard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

func comments(files []source) (n int) {
	for _, f := range files {
		if f.comment && !f.test {
			n++
		}
	}
	return n
}

// parse reads all Go files of the tree, by directory, and reports directories with vague names and files that are not Go.
// As the go command does, it leaves out testdata, vendor, and what begins with a dot or an underscore.
func parse(tree fs.FS) (packages map[string][]source, problems []string) {
	packages = map[string][]source{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		hidden := base != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
		if d.IsDir() {
			if hidden || base == "testdata" || base == "vendor" {
				return fs.SkipDir
			}
			if slices.Contains(vagueNames, base) {
				problems = append(problems, fmt.Sprintf("%s: a directory is named after what is in it", name))
			}
			return nil
		}
		if hidden || path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			problems = append(problems, err.Error())
			return nil
		}
		s := source{name: name, test: strings.HasSuffix(name, "_test.go"), comment: strings.TrimSpace(f.Doc.Text()) != ""}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			s.imports = append(s.imports, imp)
		}
		packages[path.Dir(name)] = append(packages[path.Dir(name)], s)
		return nil
	})
	if err != nil {
		problems = append(problems, err.Error())
	}
	return packages, problems
}

// pullsIn returns the third parties that pkg and all of ours below it import, without their tests, sorted.
func pullsIn(tree fs.FS, pkg string) []string {
	packages, _ := parse(tree)
	seen, found := map[string]bool{}, map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if seen[dir] {
			return
		}
		seen[dir] = true
		for _, f := range packages[dir] {
			for _, imp := range f.imports {
				switch {
				case f.test || isStandard(imp):
				case within(imp, module):
					visit(strings.TrimPrefix(imp, module+"/"))
				default:
					found[imp] = true
				}
			}
		}
	}
	visit(pkg)
	return slices.Sorted(maps.Keys(found))
}
