// Command toxiproxy is Toxiproxy's server with the gate of package partition, so that a partition.Network elsewhere can cut its links without
// the faults of the stock toxics. It has the flags -host, -port, -config and -version of the official server, and its API, so that it can take
// the place of the official image. It ends at SIGINT or SIGTERM, with all its connections.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	zlog "github.com/rs/zerolog/log"

	"github.com/zkkit/zkkit/partition"
)

func main() {
	host := flag.String("host", "localhost", "host for the API to listen on")
	port := flag.String("port", "8474", "port for the API to listen on")
	config := flag.String("config", "", "JSON file with proxies to create at the start")
	version := flag.Bool("version", false, "print the version")
	flag.Parse()
	toxiproxy.Version = libraryVersion()
	logger := newLogger()
	switch {
	case flag.NArg() > 0:
		logger.Error().Strs("args", flag.Args()).Msg("unexpected arguments")
		os.Exit(2)
	case *version:
		_, _ = fmt.Fprintln(os.Stdout, "toxiproxy-server version", toxiproxy.Version)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", net.JoinHostPort(*host, *port))
	if err == nil {
		err = serve(ctx, ln, *config, logger)
	}
	if err != nil {
		logger.Error().Err(err).Msg("Toxiproxy ends")
		os.Exit(4)
	}
}

// serve serves the API on ln until ctx ends, and then ends all proxies. It closes ln.
func serve(ctx context.Context, ln net.Listener, config string, logger zerolog.Logger) error {
	defer func() { _ = ln.Close() }()
	zlog.Logger = logger // Some toxics log to the global one.
	partition.RegisterGate()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), logger)
	defer func() { _ = api.Collection.Clear() }()
	if config != "" {
		file, err := os.Open(config)
		if err != nil {
			return err
		}
		_, err = api.Collection.PopulateJson(api, file)
		_ = file.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", config, err)
		}
	}
	server := &http.Server{Handler: api.Routes(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	unwatch := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer unwatch()
	logger.Info().Str("version", toxiproxy.Version).Stringer("addr", ln.Addr()).Msg("Toxiproxy with zkkit's gate serves")
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newLogger writes to the standard output, as the official server does, from LOG_LEVEL on, by default "info".
func newLogger() zerolog.Logger {
	level, err := zerolog.ParseLevel(cmp.Or(os.Getenv("LOG_LEVEL"), "info"))
	if err != nil {
		level = zerolog.InfoLevel
	}
	return zerolog.New(os.Stdout).Level(level).With().Timestamp().Logger()
}

// libraryVersion returns the version of the library, and that the gate is there, such as "2.12.0+gate".
func libraryVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/Shopify/toxiproxy/v2" {
				return strings.TrimPrefix(dep.Version, "v") + "+gate"
			}
		}
	}
	return "unknown+gate"
}
