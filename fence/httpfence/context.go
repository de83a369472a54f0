package httpfence

import (
	"context"

	"github.com/zkkit/zkkit/fence"
)

// tokenKey is the key of the token in a context.
type tokenKey struct{}

// NewContext returns a context that carries a token: a [Transport] sends it, and handlers behind [New] find that of their request in theirs, so that it goes on
// to whatever they call with it.
func NewContext(ctx context.Context, t fence.Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// FromContext returns the token that a context carries, the zero Token if it carries none.
func FromContext(ctx context.Context) fence.Token {
	t, _ := ctx.Value(tokenKey{}).(fence.Token)
	return t
}
