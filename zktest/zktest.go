// Package zktest is an in-memory ZooKeeper for tests: one server, in process, that speaks the real wire protocol. What miniredis is for Redis.
//
//	func TestLeader(t *testing.T) {
//		server := zktest.RunT(t)
//		conn, events, err := zk.Connect([]string{server.Addr()}, 2*time.Second) // or any other client, in any language
//		...
//		server.Inject(zktest.OpCreate, zktest.LoseReply()) // The node is there, and the client is not told.
//		server.Expire(conn.SessionID())                    // And now it is gone.
//	}
//
// It behaves as ZooKeeper 3.8 does when it stands alone, which is checked: the same random operations go to it and to a real server, and all that comes back must
// be equal. It is not a ZooKeeper: nothing is stored, nothing is replicated, and it has no opinion on what an ensemble does when it is torn apart. What a test shows here is to be shown
// on a real server before it is believed.
//
// # Virtual time
//
// [Server.Dialer] is a door in memory. Through it, in a bubble of testing/synctest, client and server run in virtual time, and a story of minutes takes milliseconds:
//
//	synctest.Test(t, func(t *testing.T) {
//		server := zktest.RunT(t)
//		conn, _, err := zk.Connect([]string{"10.0.0.1:2181"}, 10*time.Second, zk.WithDialer(server.Dialer()))
//		...
//	})
//
// Use an IP address there: resolving a name leaves the bubble.
//
// # What it does
//
//	create, create2, createContainer, createTTL      as the server does; TTL nodes with Config.ExtendedTypes
//	delete, setData, setACL, check, multi            as the server does, with zxids for what fails
//	exists, getData, getACL, getChildren(2), sync    as the server does; children come sorted
//	multiRead, getEphemerals, getAllChildrenNumber   as the server does; ephemerals come sorted
//	setWatches(2), addWatch, check/removeWatches     as the server does, events before the answers that show the change
//	auth, whoAmI                                     digest, ip and world; ACLs are enforced
//	createSession, ping, closeSession                as the server does: passwords, negotiation, expiry rounded up to the tick, moves
//	ruok srvr stat mntr cons dump conf envi wchs isro  the parts that tools read
//	sasl, reconfig, anything else                    answered with Unimplemented
//
// No quotas, no super user, no read-only mode, no TLS, no snapshots: there is nothing to take one of.
package zktest
