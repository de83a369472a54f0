package docker

import (
	"context"
	"log/slog"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/zkkit/zkkit/internal/child"
)

// OwnerLabel is what everything that is made on the engine has: the process that made it, so that the next start can tell what a killed one left behind from
// what a living one uses.
const OwnerLabel = "zkkit.owner"

// Labels returns the labels for what belongs together, with a name of that kind for all of it. The map is the caller's.
func Labels(kind, name string) map[string]string {
	labels := testcontainers.GenericLabels() // Where a reaper runs in this process, it takes them along when the process dies.
	labels[OwnerLabel], labels[kind] = child.Self().String(), name
	return labels
}

// Sweep removes what dead processes of this host left on the engine. What cannot be removed now is left for another time.
func (e *Engine) Sweep(ctx context.Context, logger *slog.Logger) error {
	filter := make(client.Filters).Add("label", OwnerLabel)
	list, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return Explain(ctx, "looking for what a dead process left behind", err)
	}
	networks, err := e.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return Explain(ctx, "looking for what a dead process left behind", err)
	}
	labels := map[string]bool{}
	for _, c := range list.Items {
		labels[c.Labels[OwnerLabel]] = true
	}
	for _, n := range networks.Items {
		labels[n.Labels[OwnerLabel]] = true
	}
	for label := range labels {
		if o, ours := child.ParseOwner(label); ours && o.IsDead() {
			err := e.RemoveAll(ctx, OwnerLabel+"="+label)
			logger.Info("removed what a dead process left behind", "owner", label, "err", err)
		}
	}
	return nil
}
