package stores

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zkkit/zkkit/internal/child"
)

const (
	postgresDirs = "postgres" // The kind of its temporary directories.
	initdbGrace  = 10 * time.Second

	postgresUser     = "zkkit"
	postgresDatabase = "postgres"
)

// startLocalPostgres makes a cluster and starts its server.
func startLocalPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	return startLocalPostgresOn(ctx, cfg, child.FreePorts)
}

// startLocalPostgresOn is startLocalPostgres with a source of ports, so that a test can lose the race for one.
func startLocalPostgresOn(ctx context.Context, cfg PostgresConfig, pick func(n int) ([]int, error)) (_ *Postgres, err error) {
	c := &cluster{bin: cfg.Bin, password: rand.Text()}
	if c.bin == "" {
		if c.bin, err = findPostgres(cfg.root); err != nil {
			return nil, err
		}
	}
	if c.account, err = postgresAccount(); err != nil {
		return nil, err
	}
	parent, err := c.account.tempDir()
	if err != nil {
		return nil, err
	}
	child.SweepDirs(parent, postgresDirs, cfg.Logger)
	if c.dir, err = child.MakeDir(parent, postgresDirs); err != nil {
		return nil, fmt.Errorf("stores: data directory: %w", err)
	}
	defer func() {
		if err != nil {
			_ = removeDir(c.dir) // The failure itself is what the caller must hear of.
		}
	}()
	if err := c.initialise(ctx); err != nil {
		return nil, err
	}
	l := c.server(cfg.Settings)
	if err := bootAll(ctx, []*local{l}, pick); err != nil {
		c.forgetMemory()
		return nil, err
	}
	return &Postgres{
		kind: Local, dsn: c.dsn(l.port), version: l.version,
		about:  fmt.Sprintf("PostgreSQL %s, a local process", l.version),
		server: &localPostgres{local: l, cluster: c},
	}, nil
}

// A cluster is a data directory of PostgreSQL's.
type cluster struct {
	bin      string
	dir      string // Ours. It holds data, which belongs to the account.
	account  account
	password string
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) dsn(port int) string { return postgresDSN(c.password, port) }

func postgresDSN(password string, port int) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(postgresUser, password), Host: addrOf(port), Path: postgresDatabase, RawQuery: "sslmode=disable"}
	return u.String()
}

// command returns one that runs as the account, and takes nothing of its locale and of PostgreSQL's variables from our environment.
func (c *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = c.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "LC_") || strings.HasPrefix(v, "LANG")
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	c.account.apply(cmd)
	return cmd
}

// initialise makes the data directory. When ctx ends meanwhile no process is left.
func (c *cluster) initialise(ctx context.Context) error {
	if err := os.Mkdir(c.data(), 0o700); err != nil {
		return fmt.Errorf("stores: data directory: %w", err)
	}
	secret := filepath.Join(c.dir, "password")
	if err := os.WriteFile(secret, []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("stores: data directory: %w", err)
	}
	if err := c.account.own(c.dir, c.data(), secret); err != nil {
		return fmt.Errorf("stores: data directory: %w", err)
	}
	said, err := os.Create(filepath.Join(c.dir, "initdb.log"))
	if err != nil {
		return fmt.Errorf("stores: data directory: %w", err)
	}
	defer said.Close()
	// Nothing of it needs to be on disk before it is used: after a crash of the machine nobody will want it.
	cmd := c.command("initdb", "--no-sync", "--pgdata", c.data(), "--username", postgresUser, "--pwfile", secret, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C")
	cmd.Stdout, cmd.Stderr = said, said
	g, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("stores: cannot start %s: %w", cmd.Path, err)
	}
	select {
	case <-ctx.Done():
		g.End(os.Interrupt, initdbGrace)
		return context.Cause(ctx)
	case <-g.Done():
	}
	if err := g.Err(); err != nil {
		log, _ := os.ReadFile(said.Name())
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		return &ExitError{Command: cmd.Path, Err: err, Log: lines[max(0, len(lines)-exitLogLines):]}
	}
	return errors.Join(os.Remove(secret), os.Remove(said.Name()))
}

// server returns the server of the cluster, which does not run yet.
func (c *cluster) server(settings map[string]string) *local {
	l := &local{log: child.NewLines(logLines), several: true, orderly: syscall.SIGINT}
	l.tie = func(cmd *exec.Cmd) (func(), bool, error) {
		release, err := child.TieBy(cmd, syscall.SIGQUIT) // So that it ends its children, and removes the shared memory.
		return release, true, err
	}
	l.lostPort = func(line string) bool { return strings.Contains(line, "Address already in use") }
	l.command = func() *exec.Cmd {
		args := []string{"-D", c.data()}
		set := func(name, value string) { args = append(args, "-c", name+"="+value) }
		set("listen_addresses", child.Loopback)
		set("port", strconv.Itoa(l.port))
		set("unix_socket_directories", "")
		set("dynamic_shared_memory_type", "mmap") // In the data directory, and not where it outlives a kill.
		return c.command("postgres", append(args, postgresSettings(settings)...)...)
	}
	l.probe = func(ctx context.Context, pid int) (string, bool, error) {
		if !c.isReady(pid) {
			return "", false, nil
		}
		version, err := logIn(ctx, c.dsn(l.port))
		return version, err == nil, nil
	}
	return l
}

// postgresSettings returns settings as a server takes them, by their names.
func postgresSettings(settings map[string]string) (args []string) {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// Lines of postmaster.pid, counted from 0.
const (
	pidLine    = 0
	memoryLine = 6
	statusLine = 7
)

// lockFile returns the lines of postmaster.pid, as many as there must be.
func (c *cluster) lockFile() (lines [statusLine + 1]string) {
	f, err := os.Open(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return lines
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for i := 0; i < len(lines) && s.Scan(); i++ {
		lines[i] = strings.TrimSpace(s.Text())
	}
	return lines
}

// isReady reports whether the process of that number serves the cluster, as pg_ctl finds out.
func (c *cluster) isReady(pid int) bool {
	lines := c.lockFile()
	return lines[pidLine] == strconv.Itoa(pid) && lines[statusLine] == "ready"
}

// forgetMemory removes the piece of shared memory by which servers of one cluster exclude each other. One that was killed leaves it behind.
func (c *cluster) forgetMemory() {
	if fields := strings.Fields(c.lockFile()[memoryLine]); len(fields) == 2 {
		_ = exec.Command("ipcrm", "-m", fields[1]).Run() // It is all of 56 bytes.
	}
}

// A localPostgres is a process of ours and its children.
type localPostgres struct {
	*local
	cluster *cluster
}

// stop ends the server as fast as it can, since nobody wants the data.
func (p *localPostgres) stop() error {
	p.close(syscall.SIGQUIT)
	p.cluster.forgetMemory()
	return removeDir(p.cluster.dir)
}
