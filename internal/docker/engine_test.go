package docker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"unix:///var/run/docker.sock": true, "npipe:////./pipe/docker_engine": true, "tcp://127.0.0.1:2375": true, "tcp://localhost:2375": true,
		"tcp://[::1]:2375": true, "tcp://build-host:2376": false, "ssh://me@build-host": false, "": false, "::": false,
	} {
		require.Equal(t, want, isLocal(host), host)
	}
}
