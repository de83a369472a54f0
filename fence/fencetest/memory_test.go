package fencetest_test

import (
	"testing"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
)

func TestMemoryConforms(t *testing.T) {
	fencetest.Test(t, fencetest.Tokens(new(fence.Memory[string])), fencetest.Options{})
}
