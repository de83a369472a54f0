package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/partition"
)

// A network finds the gate there, and the proxies of a file, which end with the server.
func TestServe(t *testing.T) {
	toxiproxy.Version = libraryVersion()
	config := filepath.Join(t.TempDir(), "proxies.json")
	require.NoError(t, os.WriteFile(config, []byte(`[{"name": "given", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": true}]`), 0o600))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, ln, config, zerolog.Nop()) }()

	n, err := partition.New(t.Context(), partition.Config{API: url})
	require.NoError(t, err)
	for _, c := range n.Caveats() {
		require.NotContains(t, c, "Without the gate")
	}
	link, err := n.Link(t.Context(), "given", "127.0.0.1:1")
	require.NoError(t, err)
	require.NoError(t, n.Close())

	answer, err := http.Get(url + "/version")
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Contains(t, string(body), "+gate")

	cancel()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.Fail(t, "it does not end")
	}
	_, err = net.Dial("tcp", link.Addr())
	require.Error(t, err, "the proxy still listens")
}

func TestServeBadConfig(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{`), 0o600))
	for _, config := range []string{bad, filepath.Join(t.TempDir(), "none.json")} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.ErrorContains(t, serve(t.Context(), ln, config, zerolog.Nop()), filepath.Base(config))
		_, err = net.Dial("tcp", ln.Addr().String())
		require.Error(t, err, "it still listens")
	}
}
