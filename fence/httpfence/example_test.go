package httpfence_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/httpfence"
)

// A service lets through what comes from the newest holder of a lock that its clients share.
func Example() {
	accounts := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Whatever this calls with r.Context() can find the token there, and compare it once more.
		_, _ = fmt.Fprintf(w, "done for %v", httpfence.FromContext(r.Context()))
	})
	server := httptest.NewServer(httpfence.New(accounts, httpfence.Config{}))
	defer server.Close()
	client := http.Client{Transport: &httpfence.Transport{}}

	put := func(token fence.Token) error { // Tokens come with the holds; here they are made up.
		ctx := httpfence.NewContext(context.Background(), token)
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL+"/accounts/7", strings.NewReader("100"))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := put(fence.Token{ID: 0x7}); err != nil {
		log.Fatal(err)
	}
	err := put(fence.Token{ID: 0x6}) // one that was paused, and has missed that the lock moved on
	stale, ok := errors.AsType[*fence.StaleError](err)
	fmt.Println(ok, stale)
	// Output:
	// true fence: stale token 0x6: "/accounts/7" already saw 0x7
}
