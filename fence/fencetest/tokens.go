package fencetest

import (
	"context"
	"sync"

	"github.com/zkkit/zkkit/fence"
)

// A Guard is asked with a token each time, as [fence.Memory] of strings is.
type Guard interface {
	Seal(ctx context.Context, resource string, t fence.Token) error
	Read(ctx context.Context, resource string, t fence.Token) (value string, ok bool, err error)
	Write(ctx context.Context, resource string, t fence.Token, value string) error
	Delete(ctx context.Context, resource string, t fence.Token) error
}

// Tokens makes a subject of a guard: it hands out the tokens, 1, 2, 3 and so on for each resource, in the place of a lock. The guard must know no token of a resource that
// it has not been asked for. The subject is safe for concurrent use as far as the guard is.
func Tokens(g Guard) TokenSubject { return &tokens{guard: g} }

type tokens struct {
	guard Guard

	mu   sync.Mutex        // guards last
	last map[string]uint64 // The ID that was handed out last, by resource.
}

func (s *tokens) Holder(_ context.Context, resource string) (Holder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]uint64{}
	}
	s.last[resource]++
	return s.At(resource, fence.Token{ID: s.last[resource]}), nil
}

func (s *tokens) At(resource string, t fence.Token) Holder {
	return tokenHolder{s.guard, resource, t}
}

type tokenHolder struct {
	guard    Guard
	resource string
	token    fence.Token
}

func (h tokenHolder) Token() fence.Token { return h.token }

func (h tokenHolder) Seal(ctx context.Context) error {
	return h.guard.Seal(ctx, h.resource, h.token)
}

func (h tokenHolder) Read(ctx context.Context) (string, bool, error) {
	return h.guard.Read(ctx, h.resource, h.token)
}

func (h tokenHolder) Write(ctx context.Context, value string) error {
	return h.guard.Write(ctx, h.resource, h.token, value)
}

func (h tokenHolder) Delete(ctx context.Context) error {
	return h.guard.Delete(ctx, h.resource, h.token)
}
