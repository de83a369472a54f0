package partition

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

func TestTimelineOrder(t *testing.T) {
	var tl Timeline
	base := time.Now()
	for _, e := range []Event{
		{At: base.Add(2), Who: "c"},
		{At: base.Add(1), Who: "a"},
		{At: base.Add(2), Who: "d"},
		{At: base.Add(1), Who: "b"},
	} {
		tl.Record(e)
	}
	var who string
	for _, e := range tl.Events() {
		who += e.Who
	}
	require.Equal(t, "abcd", who)

	tl.Events()[0].Who = "changed"
	require.Equal(t, "a", tl.Events()[0].Who, "Events returns a copy")

	now := tl.Record(Event{Who: "now"})
	require.WithinRange(t, now.At, base, time.Now())
	require.Len(t, tl.Events(), 5)
}

func TestTimelineListeners(t *testing.T) {
	var tl Timeline
	tl.Record(Event{Who: "too early"})
	var heard, other []string
	stop := tl.OnEvent(func(e Event) {
		heard = append(heard, e.Who) // no lock: one at a time is the promise
		require.Equal(t, e.Who, e.Detail)
		_ = tl.Events()
	})
	tl.OnEvent(func(e Event) { other = append(other, e.Who) })
	var wg sync.WaitGroup
	for _, who := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for range 100 {
				tl.Record(Event{Who: who, Detail: who})
			}
		})
	}
	wg.Wait()
	require.Len(t, heard, 400)
	require.Equal(t, heard, other, "all hear one order")
	stop()
	stop()
	tl.Record(Event{Who: "too late"})
	require.Len(t, heard, 400)
	require.Len(t, other, 401)
}

func TestEventString(t *testing.T) {
	require.Equal(t, "waiter: acquired token 0x7 (lock-0000000002)",
		Event{Who: "waiter", What: "acquired", Token: fence.Token{ID: 7}, Detail: "lock-0000000002"}.String())
	require.Equal(t, "holder: lost", Event{Who: "holder", What: "lost"}.String())
}

// TestNetworkRecordsCuts checks what a network itself puts into its timeline.
func TestNetworkRecordsCuts(t *testing.T) {
	n, link, s := newLink(t)
	client, _ := connect(t, link, s)
	var live []Event
	n.Timeline().OnEvent(func(e Event) { live = append(live, e) })

	before := time.Now()
	cut := link.MustCut(t, Drop, ToServer)
	client.send("abc")
	offered(t, link, 9, 8)
	require.True(t, cut.Healed().IsZero())
	require.Zero(t, cut.HealTook())
	cut.MustHeal(t)
	cut.MustHeal(t)

	events := n.Timeline().Events()
	require.Equal(t, live, events)
	require.Len(t, events, 2, "healing twice is healing once")
	require.Equal(t, Event{At: cut.Started(), Who: "link", What: EventCut, Detail: "drop to-server"}, events[0])
	require.Equal(t, EventHeal, events[1].What)
	require.Equal(t, cut.Healed(), events[1].At)
	require.Contains(t, events[1].Detail, "forwarded 0 B to the server and 0 B from it, offered 3 B and 0 B, 0 opened, 0 closed")
	require.WithinRange(t, cut.Started(), before, cut.Healed())
	require.WithinRange(t, cut.Healed(), cut.Started(), time.Now())
	require.Positive(t, cut.HealTook())
}
