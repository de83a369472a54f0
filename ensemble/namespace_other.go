//go:build !linux

package ensemble

import "errors"

// A namespace is nothing that can be had here.
type namespace struct{}

func newNamespace() (*namespace, error) { return nil, errors.ErrUnsupported }

func currentNamespace() (*namespace, error) { return nil, errors.ErrUnsupported }

func (*namespace) path() string { return "" }

func (*namespace) close() {}

func (*namespace) enter() error { return errors.ErrUnsupported }

func (*namespace) do(func() error) error { return errors.ErrUnsupported }
