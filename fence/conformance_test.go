package fence_test

import (
	"testing"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
)

// The controls, which must fail, are in the tests of package fencetest.
func TestMemoryConforms(t *testing.T) {
	fencetest.Test(t, fencetest.Tokens(new(fence.Memory[string])), fencetest.Options{Rounds: 20})
}
