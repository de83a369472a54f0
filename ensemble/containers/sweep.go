package containers

import (
	"context"
	"log/slog"

	"github.com/moby/moby/client"

	"github.com/zkkit/zkkit/internal/child"
)

// Whatever is made on the engine has two labels: the process that made it, so that the next Start can tell what a killed one left behind from
// what a living one uses, and the ensemble that it belongs to.
const (
	ownerLabel    = "zkkit.owner"
	ensembleLabel = "zkkit.ensemble"
)

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
	for label := range labels {
		if o, ours := child.ParseOwner(label); ours && o.IsDead() {
			err := e.removeAll(ctx, ownerLabel+"="+label)
			logger.Info("removed what a dead process left behind", "owner", label, "err", err)
		}
	}
	return nil
}
