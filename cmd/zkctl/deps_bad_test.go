package main_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// The checker of deps_test.go, checked: on trees that are right, and on trees each of which has one thing wrong.

// file returns a Go file with a package comment and the given imports.
func file(imports ...string) *fstest.MapFile {
	return bare("// Package p is here to be checked.\n", imports...)
}

// bare returns a Go file that begins with text.
func bare(text string, imports ...string) *fstest.MapFile {
	var b strings.Builder
	b.WriteString(text + "package p\n")
	for _, imp := range imports {
		fmt.Fprintf(&b, "import _ %q\n", imp)
	}
	return &fstest.MapFile{Data: []byte(b.String())}
}

// Trees that are right, and trees each of which has one thing wrong.
func TestCheck(t *testing.T) {
	const ours = module + "/"
	for name, c := range map[string]struct {
		tree fstest.MapFS
		want string // What the one problem says, empty when there must be none.
	}{
		"ok empty": {tree: fstest.MapFS{"go.mod": {}}},
		"ok downward": {tree: fstest.MapFS{
			"fence/fence.go":     file("sync", "encoding/json"),
			"session/session.go": file(goZooKeeper, "net"),
			"zklock/mutex.go":    file(ours+"session", ours+"fence"),
		}},
		"ok subject that fails":  {tree: fstest.MapFS{"internal/scenario/stock.go": file(goZooKeeper, ours+"zklock")}},
		"ok prefix with version": {tree: fstest.MapFS{"partition/gate.go": file(toxiproxy + "/v2/toxics")}},
		"ok tests": {tree: fstest.MapFS{
			"session/session.go":      file(),
			"session/session_test.go": bare("", ours+"session", ours+"partition", ours+"ensemble", "go.uber.org/goleak", "github.com/stretchr/testify/require"),
			"zktest/zktest.go":        file(),
			"zktest/wire_test.go":     bare("", goZooKeeper),
			"zklock/mutex.go":         file(),
			"zklock/mutex_test.go":    bare("", ours+"zktest"),
		}},
		"ok embedded": {tree: fstest.MapFS{"internal/scenario/engine.go": file(ours + "zktest"), "cmd/zkctl/server.go": file(ours + "zktest")}},
		"ok build constraint is no comment": {tree: fstest.MapFS{
			"ensemble/ensemble.go":  file(),
			"ensemble/tie_linux.go": bare("//go:build linux\n\n"),
		}},
		"ok only tests": {tree: fstest.MapFS{"cmd/zkctl/deps_test.go": bare("")}},
		"ok not for the go command": {tree: fstest.MapFS{
			"testdata/util/a.go": file("example.com/x"), ".hidden/common/a.go": file("example.com/x"), "_old/a.go": file(), "fence/_a.go": bare("not Go"),
		}},

		"bad upward":           {fstest.MapFS{"fence/fence.go": file(ours + "session")}, "only rows above"},
		"bad same row":         {fstest.MapFS{"fence/sqlfence/a.go": file(ours + "fence/httpfence")}, "only rows above"},
		"bad itself":           {fstest.MapFS{"fence/fence.go": file(ours + "fence")}, "only rows above"},
		"bad third party":      {fstest.MapFS{"ensemble/ensemble.go": file("github.com/spf13/cobra")}, "a third party"},
		"bad second client":    {fstest.MapFS{"zklock/mutex.go": file(goZooKeeper)}, "a third party"},
		"bad similar prefix":   {fstest.MapFS{"session/session.go": file(goZooKeeper + "2")}, "a third party"},
		"bad similar module":   {fstest.MapFS{"session/session.go": file(module + "2/fence")}, "a third party"},
		"bad testify in code":  {fstest.MapFS{"fence/fence.go": file("github.com/stretchr/testify/require")}, "a third party"},
		"bad client in a test": {fstest.MapFS{"partition/link_test.go": bare("", goZooKeeper)}, "a third party"},
		"bad upward in a test": {fstest.MapFS{"session/a_test.go": bare("", ours+"zklock")}, "only rows above"},
		"bad double":           {fstest.MapFS{"zklock/mutex.go": file(ours + "zktest")}, "only tests may, and internal/scenario, cmd/zkctl"},
		"bad double's import":  {fstest.MapFS{"zktest/server.go": file(ours + "fence")}, "only rows above"},
		"bad double's client":  {fstest.MapFS{"zktest/server.go": file(goZooKeeper)}, "a third party"},
		"bad unlisted":         {fstest.MapFS{"retry/retry.go": file()}, "retry: a package that the table does not list"},
		"bad unlisted below":   {fstest.MapFS{"zklock/queue/queue.go": file()}, "does not list"},
		"bad unlisted test":    {fstest.MapFS{"retry/retry_test.go": bare("")}, "does not list"},
		"bad root":             {fstest.MapFS{"zkkit.go": file()}, ".: a package that the table does not list"},
		"bad import of root":   {fstest.MapFS{"zklock/mutex.go": file(module)}, "does not list"},
		"bad import unlisted":  {fstest.MapFS{"zklock/mutex.go": file(ours + "retry")}, "does not list"},
		"bad two comments":     {fstest.MapFS{"fence/a.go": file(), "fence/b.go": file()}, "2 files have a package comment"},
		"bad no comment":       {fstest.MapFS{"fence/a.go": bare("//go:build linux\n\n")}, "0 files have a package comment"},
		"bad name":             {fstest.MapFS{"docs/common/page.md": {}}, "docs/common: a directory is named"},
		"bad Go":               {fstest.MapFS{"fence/a.go": {Data: []byte("packige fence")}}, "expected 'package'"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := check(c.tree, layout)
			if c.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], c.want)
		})
	}
}

// All vague names are refused, one by one.
func TestCheckVagueNames(t *testing.T) {
	for _, name := range vagueNames {
		problems := check(fstest.MapFS{"docs/" + name + "/page.md": {}}, layout)
		require.Len(t, problems, 1)
	}
}

func TestPullsIn(t *testing.T) {
	tree := fstest.MapFS{
		"zklock/mutex.go":      file(module+"/session", "sync"),
		"zklock/mutex_test.go": file("github.com/stretchr/testify/require", module+"/partition"),
		"session/session.go":   file(goZooKeeper, module+"/fence"),
		"partition/gate.go":    file(toxiproxy + "/v2"),
		"fence/fence.go":       file(),
	}
	require.Equal(t, []string{goZooKeeper}, pullsIn(tree, "zklock"))

	tree["fence/redis.go"] = file(redis + "/v9") // Two steps away.
	require.Equal(t, []string{goZooKeeper, redis + "/v9"}, pullsIn(tree, "zklock"))

	delete(tree, "session/session.go")
	require.Empty(t, pullsIn(tree, "zklock"))
	require.Equal(t, []string{toxiproxy + "/v2"}, pullsIn(tree, "partition"))
}

// The table itself: no package twice.
func TestLayoutListsEachPackageOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range layout {
		for _, e := range row {
			require.False(t, seen[e.pkg], e.pkg)
			seen[e.pkg] = true
		}
	}
}
