//go:build !unix

package stores

import (
	"os"
	"os/exec"
)

// An account is whom a PostgreSQL runs as: here that is us.
type account struct{}

func postgresAccount() (account, error) { return account{}, nil }

func (account) apply(*exec.Cmd) {}

func (account) own(string, ...string) error { return nil }

func (account) tempDir() (string, error) { return os.TempDir(), nil }
