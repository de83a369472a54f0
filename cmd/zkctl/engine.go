package main

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// serversVariable names servers where --servers does not.
const serversVariable = "ZK_SERVERS"

// environment is what the environment says to an experiment, for its help.
const environment = `Environment:
  ZK_SERVERS      servers, where --servers is not given
` + environmentHere

// environmentOfLocal is the same, for what uses no servers that run already.
const environmentOfLocal = "Environment:\n" + environmentHere

const environmentHere = `  ZOOKEEPER_HOME  the ZooKeeper that is started here, where it is not in its usual place
  JAVA_HOME       the Java that runs it, where it is not the one in PATH
  NO_COLOR        no colour, unless --color always`

// environmentOfStores is what more the environment says about what an experiment writes to.
const environmentOfStores = `
  ZKKIT_POSTGRES_DSN
                  a PostgreSQL that runs already, as a URL, instead of one that is started here`

// engineFlags gives a command the flags that say which ZooKeeper to use.
func engineFlags(cmd *cobra.Command, to *scenario.EngineConfig) {
	newFlag(cmd, &to.Kind, "engine", "ENGINE", scenario.EngineAuto, "where the ZooKeeper comes from\n"+
		"auto:     servers that are named, else local where a ZooKeeper is installed, else docker where its image is, else embedded\n"+
		"local:    a server that is started here, from what is installed, and stopped afterwards\n"+
		"docker:   servers in containers, and the official image unless ZKKIT_ZOOKEEPER_IMAGE names another\n"+
		"connect:  servers that run already; only the clients of this run are cut off\n"+
		"embedded: zktest, in the memory of this process: nothing needs to be installed, and it is not a real ZooKeeper", oneOf(scenario.EngineKinds()...))
	serversFlag(cmd, &to.Servers)
}

func serversFlag(cmd *cobra.Command, to *[]string) {
	newFlag(cmd, to, "servers", "HOST:PORT,...", nil, "servers to connect to; may be repeated (default $"+serversVariable+")",
		func(text string) ([]string, error) {
			more, err := parseServers(text)
			return append(*to, more...), err
		})
}

// serversFromEnvironment completes the flags, where no other engine was asked for.
func serversFromEnvironment(c *console, to *scenario.EngineConfig) (err error) {
	text := c.getenv(serversVariable)
	switch {
	case text == "" || len(to.Servers) > 0:
		return nil
	case to.Kind == scenario.EngineLocal || to.Kind == scenario.EngineEmbedded:
		return nil
	}
	if to.Servers, err = parseServers(text); err != nil {
		return usagef("%s is %q: %v", serversVariable, text, err)
	}
	return nil
}

// parseServers reads addresses with commas between them; a port that is missing is the usual one.
func parseServers(text string) ([]string, error) {
	servers := strings.Split(text, ",")
	for i, s := range servers {
		s = strings.TrimSpace(s)
		host, port, err := net.SplitHostPort(s)
		if err != nil {
			host, port = strings.Trim(s, "[]"), "2181"
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || host == "" || strings.ContainsAny(host, "/ []") {
			return nil, errors.New("want host:port, several with commas between them")
		}
		servers[i] = net.JoinHostPort(host, port)
	}
	return servers, nil
}

// starting says what an experiment does first.
func starting(engine scenario.EngineConfig) string {
	if len(engine.Servers) > 0 {
		return "connecting to " + strings.Join(engine.Servers, ", ")
	}
	return "starting a server"
}
