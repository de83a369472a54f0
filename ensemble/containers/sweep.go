package containers

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"regexp"
	"strconv"

	"github.com/moby/moby/client"
)

// Whatever is made on the engine has two labels: the process that made it, so that the next Start can tell what a killed one left behind from
// what a living one uses, and the ensemble that it belongs to.
const (
	ownerLabel    = "zkkit.owner"
	ensembleLabel = "zkkit.ensemble"
)

var ownerText = regexp.MustCompile(`^([0-9a-f]{8})-([0-9]+)-([0-9]+)$`)

// An owner is a process, in a way that a later one with the same number is not mistaken for it.
type owner struct {
	host  string // The space in which process numbers mean the same: an engine may serve several.
	pid   int
	start int64 // In a unit of the system's own, 0 where it cannot be known.
}

func self() owner {
	o := owner{host: hostID(), pid: os.Getpid()}
	o.start, _ = processStart(o.pid)
	return o
}

func (o owner) String() string { return fmt.Sprintf("%s-%d-%d", o.host, o.pid, o.start) }

func hostID() string {
	h := fnv.New32a()
	name, _ := os.Hostname()
	pids, _ := os.Readlink("/proc/self/ns/pid")
	fmt.Fprintf(h, "%s\x00%s", name, pids)
	return fmt.Sprintf("%08x", h.Sum32())
}

// parseOwner reads a label back. It reports false for one that is not ours.
func parseOwner(label string) (owner, bool) {
	m := ownerText.FindStringSubmatch(label)
	if m == nil {
		return owner{}, false
	}
	pid, err := strconv.Atoi(m[2])
	if err != nil {
		return owner{}, false
	}
	start, err := strconv.ParseInt(m[3], 10, 64)
	return owner{host: m[1], pid: pid, start: start}, err == nil
}

// isDead reports whether the process is surely no more: there is none with its number, or it is another one.
func (o owner) isDead() bool {
	start, alive := processStart(o.pid)
	return !alive || o.start != 0 && start != 0 && start != o.start
}

// sweep removes what dead processes of this host left on the engine. What cannot be removed now is left for another time.
func (e *engine) sweep(ctx context.Context, logger *slog.Logger) error {
	filter := make(client.Filters).Add("label", ownerLabel)
	list, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return explain(ctx, "looking for what a dead process left behind", err)
	}
	networks, err := e.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return explain(ctx, "looking for what a dead process left behind", err)
	}
	labels := map[string]bool{}
	for _, c := range list.Items {
		labels[c.Labels[ownerLabel]] = true
	}
	for _, n := range networks.Items {
		labels[n.Labels[ownerLabel]] = true
	}
	host := hostID()
	for label := range labels {
		if o, ours := parseOwner(label); ours && o.host == host && o.isDead() {
			err := e.removeAll(ctx, ownerLabel+"="+label)
			logger.Info("removed what a dead process left behind", "owner", label, "err", err)
		}
	}
	return nil
}
