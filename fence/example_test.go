package fence_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zkkit/zkkit/fence"
)

// A holder reads, is paused for longer than its lease, and writes when another has long had the lock.
func Example() {
	ctx := context.Background()
	var balance fence.Memory[int]

	first := fence.Token{ID: 0x6} // A token comes with the hold; here it is made up.
	_ = balance.Write(ctx, "account", first, 100)
	seen, _, _ := balance.Read(ctx, "account", first)

	// The first holder stops here. Its lock passes on, and the next holder seals before it does anything else.
	second := fence.Token{ID: 0x7}
	_ = balance.Seal(ctx, "account", second)

	// The first holder resumes, still believing.
	err := balance.Write(ctx, "account", first, seen-30)
	if stale, ok := errors.AsType[*fence.StaleError](err); ok {
		fmt.Println("refused:", stale.Have, "is older than", stale.Max)
	}

	_ = balance.Write(ctx, "account", second, 150)
	fmt.Println("balance:", balance.Peek("account").Value)
	// Output:
	// refused: 0x6 is older than 0x7
	// balance: 150
}
