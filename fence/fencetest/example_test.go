package fencetest_test

import (
	"context"
	"fmt"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
)

// In a test it is fencetest.Test(t, ...), which makes a subtest of each check.
func ExampleCheck() {
	guard := new(fence.Memory[string]) // Or your own, with these four methods.
	err := fencetest.Check(context.Background(), fencetest.Tokens(guard), fencetest.Options{})
	fmt.Println(err)
	// Output: <nil>
}
