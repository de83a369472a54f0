package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersionCmd(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of zkctl, and of what is built in",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			var b strings.Builder
			fmt.Fprintf(&b, "zkctl         %s\n", buildVersion())
			fmt.Fprintf(&b, "go            %s %s/%s\n", strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH)
			fmt.Fprintf(&b, "toxiproxy     %s\n", moduleVersion("github.com/Shopify/toxiproxy/v2"))
			fmt.Fprintf(&b, "go-zookeeper  %s\n", moduleVersion("github.com/go-zookeeper/zk"))
			fmt.Fprintf(&b, "redsync       %s\n", moduleVersion("github.com/go-redsync/redsync/v4"))
			return writeOut(c.out, b.String())
		},
	}
}

// buildVersion is the version of this module, as far as the build knows it.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return cmp.Or(info.Main.Version, "unknown")
}

// moduleVersion is the version of a module that is linked in.
func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}
