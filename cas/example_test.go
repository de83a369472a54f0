package cas_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// Two workers reserve from one stock, and a visit is added to a profile. With real servers only the Config of the session differs.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := zktest.Start(zktest.Config{})
	defer server.Close()
	client, err := session.Open(ctx, session.Config{Servers: []string{"10.0.0.1:2181"}, Dial: server.DialContext})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	store, err := cas.NewStore(client, cas.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	widgets := cas.NewStock(store, "/stock/widgets")
	left, _ := widgets.Put(ctx, 10)
	fmt.Println(left, "widgets")
	left, _ = widgets.Reserve(ctx, 7)
	fmt.Println(left, "left")
	_, err = widgets.Reserve(ctx, 7)
	var short *cas.InsufficientError
	if errors.As(err, &short) {
		fmt.Println("no:", short.Left, "left")
	}

	type profile struct {
		Name   string
		Visits int
	}
	p, stats, err := cas.Update(ctx, store, "/profiles/ada", func(p profile) (profile, error) {
		p.Name = "Ada"
		p.Visits++
		return p, nil
	})
	fmt.Printf("%+v after %d attempt, %v\n", p, stats.Attempts, err)
	// Output:
	// 10 widgets
	// 3 left
	// no: 3 left
	// {Name:Ada Visits:1} after 1 attempt, <nil>
}
