package stores

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// ask sends one command to a Redis, and returns its answer: a simple string or a bulk string. It fails when ctx ends. An error of the Redis is a [redisError].
//
// A client would try again, and say on the standard error what it could not do. Here a server is asked that may not be there yet.
func ask(ctx context.Context, c net.Conn, words ...string) (answer string, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	request := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(c, request); err != nil {
		return "", err
	}
	r := bufio.NewReader(c) // Nothing follows the answer.
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.HasPrefix(line, "+"):
		return line[1:], nil
	case strings.HasPrefix(line, "-"):
		return "", redisError(line[1:])
	case strings.HasPrefix(line, "$"):
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 || n > 1<<20 {
			break
		}
		b := make([]byte, n)
		_, err = io.ReadFull(r, b)
		return string(b), err
	}
	return "", fmt.Errorf("stores: no answer of a Redis: %q", line)
}

// A redisError is what a Redis says is wrong.
type redisError string

func (e redisError) Error() string { return string(e) }

var (
	redisVersion = regexp.MustCompile(`(?m)^redis_version:(\S+)`)
	redisProcess = regexp.MustCompile(`(?m)^process_id:(\d+)`)
)

// probeRedis reports whether a Redis answers, and its version. It must be the process of that number, unless that is 0: another one that has the port is not ours.
// An error is one that waiting does not cure.
func probeRedis(ctx context.Context, addr string, pid int) (version string, ready bool, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", false, nil // It does not listen yet.
	}
	defer c.Close()
	info, err := ask(ctx, c, "INFO", "server")
	if said, ok := errors.AsType[redisError](err); ok && (strings.HasPrefix(string(said), "NOAUTH") || strings.HasPrefix(string(said), "NOPERM")) {
		return "", false, fmt.Errorf("%w: the Redis wants a password: %w", ErrConfig, said)
	}
	if err != nil {
		return "", false, nil // It loads its data, or goes away.
	}
	m := redisVersion.FindStringSubmatch(info)
	if m == nil {
		return "", false, fmt.Errorf("stores: what answers at %s is no Redis", addr)
	}
	if p := redisProcess.FindStringSubmatch(info); pid != 0 && (p == nil || p[1] != strconv.Itoa(pid)) {
		return "", false, nil // Ours will end for want of a port.
	}
	pong, err := ask(ctx, c, "PING")
	return m[1], err == nil && pong == "PONG", nil
}
