package containers

import (
	"net/netip"
	"testing"
	"time"

	api "github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
)

func TestBadConfig(t *testing.T) {
	for says, c := range map[string]Config{
		"6 servers: want 1 to 5":    {Servers: 6},
		"-1 servers":                {Servers: -1},
		"a tick of 1.5ms":           {Tick: 1500 * time.Microsecond},
		"a tick of -1s":             {Tick: -time.Second},
		"a shortest session of 1µs": {MinSession: time.Microsecond},
		"the longest session, 1s, is below the shortest, 2": {MinSession: 2 * time.Second, MaxSession: time.Second},
		"a sync limit of 100ms":                             {SyncLimit: 100 * time.Millisecond},
	} {
		_, err := Start(t.Context(), c)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, says)
		var r recorder
		require.Nil(t, Run(&r, c))
		require.Contains(t, r.failed, says)
		require.Empty(t, r.skipped)
	}
}

func TestEnvironment(t *testing.T) {
	c, err := Config{Servers: 3, Tick: 300 * time.Millisecond, MinSession: time.Second}.withDefaults()
	require.NoError(t, err)
	env := environment(c, network{subnet: netip.MustParsePrefix("172.30.0.0/16")}, 2)
	for _, want := range []string{
		"ZOO_MY_ID=2", "ZOO_TICK_TIME=300", "ZOO_INIT_LIMIT=34", "ZOO_SYNC_LIMIT=7",
		"ZOO_CFG_EXTRA=minSessionTimeout=1000 maxSessionTimeout=40000 quorumListenOnAllIPs=true",
		"ZOO_SERVERS=server.1=172.30.0.11:2888:3888;2181 server.2=172.30.0.12:2888:3888;2181 server.3=172.30.0.13:2888:3888;2181",
	} {
		require.Contains(t, env, want)
	}
	c.Servers = 1
	for _, e := range environment(c, network{}, 1) {
		require.NotContains(t, e, "ZOO_SERVERS")
	}
}

func TestLeaderOf(t *testing.T) {
	for _, c := range []struct {
		modes []string
		want  int // -1 for none.
	}{
		{[]string{"standalone"}, 0},
		{[]string{"silent"}, -1},
		{[]string{"follower", "leader", "follower"}, 1},
		{[]string{"silent", "leader", "follower"}, 1},
		{[]string{"silent", "leader", "silent"}, -1},
		{[]string{"leader", "leader", "follower"}, -1},
		{[]string{"follower", "follower", "silent"}, -1},
		{[]string{"leader", "silent", "silent", "follower", "silent"}, -1},
	} {
		got, ok := leaderOf(c.modes)
		require.Equal(t, c.want >= 0, ok, c.modes)
		if ok {
			require.Equal(t, c.want, got, c.modes)
		}
	}
}

func TestPlanOfANetwork(t *testing.T) {
	for given, want := range map[string]string{"172.18.0.0/16": "172.18.128.0/17", "192.168.32.0/20": "192.168.40.0/21", "10.1.2.96/27": "10.1.2.112/28"} {
		c, err := plan([]api.IPAMConfig{{Subnet: netip.MustParsePrefix("fd00::/64")}, {Subnet: netip.MustParsePrefix(given)}})
		require.NoError(t, err)
		require.Equal(t, given, c.Subnet.String())
		require.Equal(t, want, c.IPRange.String())
		n := network{subnet: c.Subnet}
		for number := proxyNumber; number <= 10+maxServers; number++ {
			require.True(t, c.Subnet.Contains(n.address(number)))
			require.False(t, c.IPRange.Contains(n.address(number)), "the engine may give it to somebody else")
		}
	}
	_, err := plan([]api.IPAMConfig{{Subnet: netip.MustParsePrefix("10.0.0.0/28")}})
	require.ErrorContains(t, err, "no room")
	_, err = plan(nil)
	require.ErrorContains(t, err, "no room")
}

func TestSide(t *testing.T) {
	require.Equal(t, "clients peers both Side(3)", Clients.String()+" "+Peers.String()+" "+Both.String()+" "+Side(3).String())
	require.ErrorIs(t, (&Server{}).Disconnect(t.Context(), Side(3)), ErrConfig)
}

func TestParseSrvr(t *testing.T) {
	mode, version := parseSrvr("Zookeeper version: 3.8.0-unknown, built on 2023\nLatency min/avg/max: 0/0.0/0\nMode: follower\nNode count: 5\n")
	require.Equal(t, "follower", mode)
	require.Equal(t, "3.8.0", version)
	mode, _ = parseSrvr("This ZooKeeper instance is not currently serving requests")
	require.Empty(t, mode)
}
