package fencetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/zkkit/zkkit/fence"
)

// A play is one run of one check: the subject, and resources that nobody has used before. It lives as long as its ctx, which is that of one call.
type play struct {
	ctx     context.Context
	subject Subject
	options Options
	name    string
	n       int                    // resources handed out
	last    map[string]fence.Token // the newest holder's, by resource
}

func newPlay(ctx context.Context, s Subject, o Options) *play {
	return &play{ctx: ctx, subject: s, options: o, name: "fencetest-" + strings.ToLower(rand.Text()), last: map[string]fence.Token{}}
}

// resource returns a name that was never used.
func (p *play) resource() string {
	p.n++
	return fmt.Sprintf("%s-%d", p.name, p.n)
}

// holder returns the next holder of a resource, and sees that tokens rise.
func (p *play) holder(resource string) (Holder, error) {
	h, err := p.subject.Holder(p.ctx, resource)
	if err != nil {
		return nil, fmt.Errorf("no holder: %w", err)
	}
	if !p.last[resource].Less(h.Token()) {
		return nil, fmt.Errorf("the subject handed out token %v after %v", h.Token(), p.last[resource])
	}
	p.last[resource] = h.Token()
	return h, nil
}

// at returns a holder with that token. It is for checks that are only played with a TokenSubject.
func (p *play) at(resource string, t fence.Token) Holder {
	return p.subject.(TokenSubject).At(resource, t)
}

// An act is one of the things that a holder can do.
type act struct {
	name string
	do   func(ctx context.Context, h Holder) error
}

// acts returns all that a holder can do, with what its write writes.
func acts(value string) []act {
	return []act{
		{"seal", func(ctx context.Context, h Holder) error { return h.Seal(ctx) }},
		{"read", func(ctx context.Context, h Holder) error { _, _, err := h.Read(ctx); return err }},
		{"write", func(ctx context.Context, h Holder) error { return h.Write(ctx, value) }},
		{"delete", func(ctx context.Context, h Holder) error { return h.Delete(ctx) }},
	}
}

// none is what a value that is not there is called in errors.
const none = "no value"

// want reads with a holder and compares.
func (p *play) want(h Holder, value string) error {
	got, ok, err := h.Read(p.ctx)
	if err != nil {
		return fmt.Errorf("the read with token %v: %w", h.Token(), err)
	}
	if shown := show(got, ok); shown != value {
		return fmt.Errorf("token %v read %s, want %s", h.Token(), shown, value)
	}
	return nil
}

func show(value string, ok bool) string {
	if !ok {
		return none
	}
	return value
}

// accepted returns an error unless err is nil.
func accepted(what string, h Holder, err error) error {
	if err != nil {
		return fmt.Errorf("the %s with token %v was not accepted: %w", what, h.Token(), err)
	}
	return nil
}

// refused returns an error unless err says that h was refused as stale, and by the token of newest if the guard says by which.
func (p *play) refused(what string, h Holder, newest fence.Token, err error) error {
	if err == nil {
		return fmt.Errorf("the %s with token %v was accepted, and %v is newer", what, h.Token(), newest)
	}
	if p.options.Stale != nil {
		if !p.options.Stale(err) {
			return fmt.Errorf("the %s with token %v, older than %v, did not fail as stale: %w", what, h.Token(), newest, err)
		}
		return nil
	}
	stale, ok := errors.AsType[*fence.StaleError](err)
	switch {
	case !errors.Is(err, fence.ErrStale) || !ok:
		return fmt.Errorf("the %s with token %v, older than %v, failed with no *fence.StaleError that matches fence.ErrStale: %w", what, h.Token(), newest, err)
	case stale.Have != h.Token() || stale.Max != newest:
		return fmt.Errorf("the %s with token %v, older than %v, was refused with Have %v and Max %v", what, h.Token(), newest, stale.Have, stale.Max)
	}
	return nil
}
