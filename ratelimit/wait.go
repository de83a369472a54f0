package ratelimit

import (
	"context"
	"time"
)

// Wait is WaitN for one.
func (l *Limiter) Wait(ctx context.Context, key string) error { return l.WaitN(ctx, key, 1) }

// WaitN waits until a request that counts as n is admitted, and returns nil then. It does not poll: it asks again when it was told that it can be admitted, and of all that wait for one key on
// this server one asks for all. There is no order among them.
//
// It fails with a [*TooLateError] as soon as it is known that the deadline of ctx will have passed by then, and with the cause of ctx when that ends first; and as [Limiter.AllowN]
// does. Nothing is admitted then, though it may have been counted when ctx ended. During an outage it waits as well.
func (l *Limiter) WaitN(ctx context.Context, key string, n int64) error {
	for {
		d, err := l.AllowN(ctx, key, n)
		if err != nil || d.OK {
			return err
		}
		again := max(d.RetryAfter, time.Millisecond)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < again {
			return &TooLateError{RetryAfter: again}
		}
		t := time.NewTimer(again)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-l.closed.Done():
			t.Stop()
			return ErrClosed
		}
	}
}
