package zktest_test

import (
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zkkit/zkkit/zktest"
)

func ExampleStart() {
	server := zktest.Start(zktest.Config{})
	defer server.Close()

	conn, _, err := zk.Connect([]string{server.Addr()}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	if _, err := conn.Create("/config", []byte("blue"), zk.FlagPersistent, zk.WorldACL(zk.PermAll)); err != nil {
		fmt.Println(err)
	}
	data, stat, err := conn.Get("/config")
	fmt.Printf("%s, version %d, %v\n", data, stat.Version, err)
	// Output: blue, version 0, <nil>
}

// A create whose reply is lost: the node is there, and the client does not know.
func ExampleServer_Inject() {
	server := zktest.Start(zktest.Config{})
	defer server.Close()
	anywhere := []string{"10.0.0.1:2181", "10.0.0.2:2181"} // go-zookeeper takes a second to reconnect to a lone server
	conn, _, err := zk.Connect(anywhere, 10*time.Second, zk.WithDialer(server.Dialer()), zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	server.Inject(zktest.OpCreate, zktest.LoseReply())
	_, err = conn.Create("/order", nil, zk.FlagPersistent, zk.WorldACL(zk.PermAll))
	there, _, _ := conn.Exists("/order")
	fmt.Println(err != nil, there)
	// Output: true true
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
