package scenario

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/zkkit/zkkit/session"
)

// A run on somebody's own server that is killed cannot remove its records. The next one does: whoever runs is known by what goes with it, an ephemeral node, or a lock of its connection.

const (
	contendNodes  = "/zkkit-contend-" // what all roots in a ZooKeeper begin with
	contendTables = "zkkit_contend_"  // and all tables
	contendAlive  = "alive"           // the node below a root whose run goes on
)

// begin makes the root of this run's records, and removes those of runs that were killed.
func (z *contendZK) begin(ctx context.Context) error {
	s, err := z.client.Session(ctx)
	if err != nil {
		return err
	}
	names, _, err := s.Children(ctx, "/")
	if err != nil {
		return err
	}
	for _, name := range names {
		root := "/" + name
		if !strings.HasPrefix(root, contendNodes) {
			continue
		}
		switch alive, err := s.Exists(ctx, session.Join(root, contendAlive)); {
		case err != nil:
			return err
		case alive != nil:
			continue
		}
		if err := contendRemove(ctx, s, root); err != nil && !errors.Is(err, session.ErrNoNode) { // Another run may be at it as well.
			return err
		}
	}
	_, err = s.Multi(ctx,
		session.CreateOp(z.root, nil, session.Persistent, nil),
		session.CreateOp(session.Join(z.root, contendAlive), nil, session.Ephemeral, nil))
	return err
}

// begin removes the tables of runs that were killed, and says that this one goes on, for as long as the pool has its connections.
func (s *contendSQL) begin(ctx context.Context, root string) (err error) {
	const own = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	s.alive = conn
	var got bool
	if err := conn.QueryRowContext(ctx, own, root).Scan(&got); err != nil {
		return err
	}
	roots, err := contendRoots(ctx, conn)
	if err != nil {
		return err
	}
	for _, old := range roots {
		if old == root {
			continue
		}
		if err := conn.QueryRowContext(ctx, own, old).Scan(&got); err != nil {
			return err
		}
		if !got { // Somebody has it: that run goes on.
			continue
		}
		_, err := conn.ExecContext(ctx, "DROP TABLE IF EXISTS "+old+"_nodes, "+old+"_rows")
		_, uerr := conn.ExecContext(ctx, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", old)
		if err = errors.Join(err, uerr); err != nil {
			return err
		}
	}
	return nil
}

// contendRoots lists what the tables of runs begin with.
func contendRoots(ctx context.Context, conn *sql.Conn) (roots []string, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT DISTINCT substring(tablename FROM '^zkkit_contend_[0-9a-f]{16}') FROM pg_tables
		WHERE schemaname = current_schema() AND tablename ~ '^zkkit_contend_[0-9a-f]{16}_(nodes|rows)$'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var root string
		if err := rows.Scan(&root); err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
	return roots, rows.Err()
}
