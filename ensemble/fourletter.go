package ensemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	fourLetterTimeout = 10 * time.Second
	fourLetterLimit   = 16 << 20 // A dump of very many sessions is a few MiB.
)

// FourLetter sends one of ZooKeeper's four-letter words (srvr, ruok, conf, cons, dump, ...) to addr and returns the answer.
// It blocks until the answer is complete, ctx ends, or 10 s have passed. It fails with [ErrNotWhitelisted] when the server refuses the word,
// with ctx's cause, or with the network's error; an empty answer is an error too. Nothing is left open.
func FourLetter(ctx context.Context, addr, word string) (string, error) {
	return fourLetter(ctx, net.Dialer{}, addr, word)
}

func fourLetter(ctx context.Context, d net.Dialer, addr, word string) (string, error) {
	if len(word) != 4 {
		return "", fmt.Errorf("ensemble: %q has not four letters", word)
	}
	answer, err := exchange(ctx, d, addr, word)
	switch {
	case err != nil:
		return "", fmt.Errorf("ensemble: %s to %s: %w", word, addr, err)
	case strings.HasPrefix(answer, word+" is not executed because it is not in the whitelist"):
		return "", fmt.Errorf("%w: %s to %s: add it to 4lw.commands.whitelist on the server", ErrNotWhitelisted, word, addr)
	case answer == "":
		return "", fmt.Errorf("ensemble: %s to %s: an empty answer", word, addr)
	}
	return answer, nil
}

// exchange writes word to addr and reads to the end.
func exchange(ctx context.Context, d net.Dialer, addr, word string) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fourLetterTimeout)
	defer cancel()
	defer func() {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			<-ctx.Done() // Whose deadline is the only one: the dialer has a timer of its own, which may be first.
		}
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx) // Rather than what became of the connection because of it.
		}
	}()
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	unwatch := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer unwatch()
	if _, err := io.WriteString(c, word); err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(c, fourLetterLimit))
	return string(b), err
}

var (
	modeLine    = regexp.MustCompile(`(?m)^Mode: (\S+)`)
	versionLine = regexp.MustCompile(`(?m)^Zookeeper version: (\d+(?:\.\d+)*)`)
	zxidLine    = regexp.MustCompile(`(?m)^Zxid: (0x[0-9a-f]+)`)
)

// modeOf returns the mode in an answer to srvr, empty when the server answers but does not serve.
func modeOf(srvr string) string { return submatch(modeLine, srvr) }

// versionOf returns the version in an answer to srvr: its leading numbers, without the build that follows.
func versionOf(srvr string) string { return submatch(versionLine, srvr) }

// zxidOf returns the number of the last transaction in an answer to srvr, 0 if there is none.
func zxidOf(srvr string) uint64 {
	zxid, _ := strconv.ParseUint(submatch(zxidLine, srvr), 0, 64)
	return zxid
}

func submatch(re *regexp.Regexp, s string) string {
	if m := re.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// servesFrom reports whether an answer to conf names dir as the server's dataDir.
func servesFrom(conf, dir string) bool {
	for line := range strings.Lines(conf) {
		if at, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "dataDir="); ok {
			return samePath(at, dir)
		}
	}
	return false
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
