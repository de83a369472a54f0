package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/ensemble/containers"
	"github.com/zkkit/zkkit/internal/scenario"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// How an engine fares.
const (
	statusWorks   = "works"
	statusFound   = "found" // installed, but not tried
	statusFails   = "fails"
	statusMissing = "missing"
	statusUnasked = "not asked"
)

// An engineState is what is known of one engine.
type engineState struct {
	Kind    string `json:"kind"`
	Status  string `json:"status"`
	Version string `json:"version,omitempty"` // of the server
	Home    string `json:"home,omitempty"`
	Java    string `json:"java,omitempty"`
	// JavaVersion is what Java says it is; it is not asked when it is to be quick.
	JavaVersion string `json:"java_version,omitempty"`
	Detail      string `json:"detail"`
}

func (e engineState) works() bool { return e.Status == statusWorks || e.Status == statusFound }

// localState looks for a ZooKeeper that is installed here, and unless it is to be quick starts it and stops it again.
func localState(ctx context.Context, quick bool) engineState {
	inst, err := ensemble.Find()
	if err != nil {
		return engineState{Kind: scenario.EngineLocal, Status: statusMissing, Detail: err.Error()}
	}
	e := engineState{Kind: scenario.EngineLocal, Status: statusFound, Version: inst.Version, Home: inst.Home, Java: inst.Java}
	if quick {
		e.Detail = "not started"
		return e
	}
	e.JavaVersion = javaVersion(ctx, inst.Java)
	start := time.Now()
	server, err := ensemble.Start(ctx, ensemble.Config{Installation: &inst})
	if err != nil {
		e.Status, e.Detail = statusFails, err.Error()
		return e
	}
	ready := time.Since(start)
	e.Version = server.Version()
	start = time.Now()
	if err := server.Stop(); err != nil {
		e.Status, e.Detail = statusFails, err.Error()
		return e
	}
	e.Status = statusWorks
	e.Detail = fmt.Sprintf("started in %.1fs, stopped in %.1fs", ready.Seconds(), time.Since(start).Seconds())
	return e
}

// dockerState asks the engine, and starts nothing: an image may have to be pulled for that.
func dockerState(ctx context.Context) engineState {
	containers.Quiet()
	version, err := containers.Answers(ctx)
	if err != nil {
		return engineState{Kind: scenario.EngineDocker, Status: statusMissing, Detail: err.Error()}
	}
	e := engineState{Kind: scenario.EngineDocker, Status: statusFound, Detail: "engine " + version + ", images are here, nothing was started"}
	if containers.Ready(ctx) != nil {
		e.Detail = "engine " + version + ", images are not here and would be pulled by --engine docker"
	}
	return e
}

// embeddedState starts the server of this process, opens a session with it, and ends both.
func embeddedState(ctx context.Context) engineState {
	e := engineState{Kind: scenario.EngineEmbedded, Status: statusFails}
	start := time.Now()
	zk := zktest.Start(zktest.Config{})
	defer func() { _ = zk.Close() }()
	e.Version = zk.Version()
	within, cancel := context.WithTimeoutCause(ctx, sessionPatience, fmt.Errorf("no answer within %v", sessionPatience))
	defer cancel()
	client, err := session.Open(within, session.Config{Servers: []string{zk.Addr()}})
	if err != nil {
		e.Detail = err.Error()
		return e
	}
	defer client.Close()
	if _, err := client.Session(within); err != nil {
		e.Detail = err.Error()
		return e
	}
	e.Status = statusWorks
	e.Detail = fmt.Sprintf("zktest %s in this process, not a real ZooKeeper; started in %v", e.Version, time.Since(start).Round(100*time.Microsecond))
	return e
}

var quoted = regexp.MustCompile(`version "([^"]+)"`)

// javaVersion asks java what it is, "" if it does not say.
func javaVersion(ctx context.Context, java string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if m := quoted.FindSubmatch(said); err == nil && m != nil {
		return string(m[1])
	}
	return ""
}

const (
	askPatience     = 2 * time.Second // for a four-letter word
	sessionPatience = 5 * time.Second
	usualSession    = 2 * time.Second
)

// connectState opens a session with the servers that are named, and asks each what it is.
func connectState(ctx context.Context, servers []string) engineState {
	e := engineState{Kind: scenario.EngineConnect}
	if len(servers) == 0 {
		e.Status, e.Detail = statusUnasked, "no servers are named: --servers host:port,... or "+serversVariable
		return e
	}
	within, cancel := context.WithTimeoutCause(ctx, sessionPatience, fmt.Errorf("no answer within %v", sessionPatience))
	defer cancel()
	client, err := session.Open(within, session.Config{Servers: servers, Timeout: usualSession})
	if err != nil {
		e.Status, e.Detail = statusFails, fmt.Sprintf("%s: %v", strings.Join(servers, ", "), err)
		return e
	}
	defer client.Close()
	s, err := client.Session(within)
	if err != nil {
		e.Status, e.Detail = statusFails, fmt.Sprintf("%s: %v", strings.Join(servers, ", "), err)
		return e
	}
	said := make([]string, len(servers))
	var wg sync.WaitGroup
	for i, addr := range servers {
		wg.Go(func() { said[i] = addr + " " + about(ctx, addr) })
	}
	wg.Wait()
	e.Status = statusWorks
	e.Detail = strings.Join(said, ", ")
	if got := s.Timeout(); got != usualSession {
		e.Detail += fmt.Sprintf("; they give a session of %v to those who ask for %v: use --session %v", got, usualSession, got)
	}
	return e
}

var srvrLines = regexp.MustCompile(`(?ms)^Zookeeper version: (\d+(?:\.\d+)*(?:-zktest)?).*^Mode: (\S+)`)

// about asks one server what it is, in a few words.
func about(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	srvr, err := ensemble.FourLetter(ctx, addr, "srvr")
	if m := srvrLines.FindStringSubmatch(srvr); err == nil && m != nil {
		if !(scenario.Engine{Version: m[1]}).Real() {
			return fmt.Sprintf("(zktest %s, %s, not a real ZooKeeper)", m[1], m[2])
		}
		return fmt.Sprintf("(ZooKeeper %s, %s)", m[1], m[2])
	}
	return "(does not say what it is)"
}
