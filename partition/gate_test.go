package partition

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/stretchr/testify/require"
)

// A bench is a gate with one connection, whose input and output the test plays. Run it in a synctest bubble.
type bench struct {
	t    *testing.T
	gate *gate
	stub *toxics.ToxicStub
	in   chan *stream.StreamChunk
	out  chan *stream.StreamChunk
	runs int // times that Pipe was started
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, gate: new(gate), in: make(chan *stream.StreamChunk), out: make(chan *stream.StreamChunk)}
	b.stub = toxics.NewToxicStub(b.in, b.out)
	b.stub.State = b.gate.NewState()
	b.start()
	return b
}

func (b *bench) start() {
	b.runs++
	go b.stub.Run(&toxics.ToxicWrapper{Toxic: b.gate, Toxicity: 1})
}

// mode does what Toxiproxy does when the attributes are updated over its API.
func (b *bench) mode(mode string) {
	b.t.Helper()
	require.NoError(b.t, json.Unmarshal([]byte(`{"mode":"`+mode+`"}`), b.gate))
	synctest.Wait()
	if b.stub.InterruptToxic() {
		b.start()
	}
	synctest.Wait()
}

// put offers bytes to the gate and reports whether it took them.
func (b *bench) put(s string) bool {
	synctest.Wait()
	select {
	case b.in <- &stream.StreamChunk{Data: []byte(s)}:
		synctest.Wait()
		return true
	default:
		return false
	}
}

// get returns what the gate puts out: bytes, "EOF", or "" for nothing.
func (b *bench) get() string {
	synctest.Wait()
	select {
	case c, ok := <-b.out:
		if !ok {
			return "EOF"
		}
		return string(c.Data)
	default:
		return ""
	}
}

func TestGate(t *testing.T) {
	tests := map[string]func(t *testing.T, b *bench){
		"passes bytes and the end": func(t *testing.T, b *bench) {
			require.True(t, b.put("a"))
			require.Equal(t, "a", b.get())
			require.Empty(t, b.get())
			close(b.in)
			require.Equal(t, "EOF", b.get())
		},
		"waits with its input until its output is taken": func(t *testing.T, b *bench) {
			require.True(t, b.put("a"))
			require.False(t, b.put("b"))
			require.Equal(t, "a", b.get())
			require.True(t, b.put("b"))
			require.Equal(t, "b", b.get())
			close(b.in)
		},
		"drop loses bytes, hides the end, and breaks the connection": func(t *testing.T, b *bench) {
			b.mode("drop")
			require.True(t, b.put("a"))
			require.True(t, b.put("b"))
			require.Empty(t, b.get())
			close(b.in)
			require.Empty(t, b.get())
			b.mode("pass")
			require.Equal(t, "EOF", b.get())
		},
		"after a drop the input is read until it ends": func(t *testing.T, b *bench) {
			b.mode("drop")
			b.mode("pass")
			require.Equal(t, "EOF", b.get())
			require.True(t, b.put("a"))
			require.False(t, b.stub.InterruptToxic(), "nothing to interrupt once it is closed")
			close(b.in)
		},
		"drop loses what was taken and not passed on yet": func(t *testing.T, b *bench) {
			require.True(t, b.put("a"))
			b.mode("drop")
			require.Empty(t, b.get())
			b.mode("pass")
			require.Equal(t, "EOF", b.get())
			close(b.in)
		},
		"a drop too short to see breaks the connection": func(t *testing.T, b *bench) {
			b.gate.own.set(modes{modeDrop, modeDrop})
			b.gate.own.set(modes{})
			require.Equal(t, "EOF", b.get())
			close(b.in)
		},
		"a connection made in a drop breaks even if Pipe starts after it": func(t *testing.T, b *bench) {
			require.True(t, b.stub.InterruptToxic())
			b.gate.own.set(modes{modeDrop, modeDrop})
			b.stub.State = b.gate.NewState()
			b.gate.own.set(modes{})
			b.start()
			require.Equal(t, "EOF", b.get())
			close(b.in)
		},
		"jam holds bytes and the end, and delivers them in order": func(t *testing.T, b *bench) {
			b.mode("jam")
			for _, s := range []string{"a", "b", "c"} {
				require.True(t, b.put(s))
			}
			require.Empty(t, b.get())
			close(b.in)
			require.Empty(t, b.get())
			b.mode("pass")
			for _, want := range []string{"a", "b", "c", "EOF"} {
				require.Equal(t, want, b.get())
			}
		},
		"jam takes in a bounded amount": func(t *testing.T, b *bench) {
			b.mode("jam")
			chunk := string(make([]byte, gateHolds/4))
			for range 4 {
				require.True(t, b.put(chunk))
			}
			require.False(t, b.put(chunk))
			b.mode("pass")
			for range 4 {
				require.Equal(t, chunk, b.get())
			}
			require.True(t, b.put("a"))
			require.Equal(t, "a", b.get())
			close(b.in)
		},
		"jam again while what was held is on its way": func(t *testing.T, b *bench) {
			b.mode("jam")
			require.True(t, b.put("a"))
			require.True(t, b.put("b"))
			b.mode("pass")
			require.Equal(t, "a", b.get())
			b.mode("jam")
			require.Empty(t, b.get())
			require.True(t, b.put("c"))
			b.mode("pass")
			require.Equal(t, "b", b.get())
			require.Equal(t, "c", b.get())
			close(b.in)
		},
		"from drop to jam nothing crosses, not even the end": func(t *testing.T, b *bench) {
			b.mode("drop")
			require.True(t, b.put("a"))
			b.mode("jam")
			require.True(t, b.put("b"))
			require.Empty(t, b.get())
			b.mode("pass")
			require.Equal(t, "EOF", b.get())
			close(b.in)
		},
		"every update interrupts and restarts it, stuck output or not": func(t *testing.T, b *bench) {
			require.True(t, b.put("a"))
			for _, m := range []string{"jam", "pass", "jam", "jam", "pass"} {
				b.mode(m)
			}
			require.Equal(t, 6, b.runs)
			require.Equal(t, "a", b.get())
			close(b.in)
		},
		"removed in a jam, it delivers first": func(t *testing.T, b *bench) {
			b.mode("jam")
			require.True(t, b.put("a"))
			require.True(t, b.stub.InterruptToxic())
			go b.gate.Cleanup(b.stub)
			require.Equal(t, "a", b.get())
			synctest.Wait()
			require.False(t, b.stub.Closed())
			close(b.in)
		},
		"removed in a jam after the end, it delivers that too": func(t *testing.T, b *bench) {
			b.mode("jam")
			require.True(t, b.put("a"))
			close(b.in)
			synctest.Wait()
			require.True(t, b.stub.InterruptToxic())
			go b.gate.Cleanup(b.stub)
			require.Equal(t, "a", b.get())
			require.Equal(t, "EOF", b.get())
		},
		"removed in a jam with nobody to take it, it closes rather than leave a hole": func(t *testing.T, b *bench) {
			b.mode("jam")
			require.True(t, b.put("a"))
			require.True(t, b.stub.InterruptToxic())
			began := time.Now()
			b.gate.Cleanup(b.stub)
			require.Equal(t, gateFlush, time.Since(began))
			require.True(t, b.stub.Closed())
			require.True(t, b.put("b"), "the toxic before can still end")
			close(b.in)
		},
		"removed in a drop, it closes": func(t *testing.T, b *bench) {
			b.mode("drop")
			require.True(t, b.stub.InterruptToxic())
			b.gate.Cleanup(b.stub)
			require.True(t, b.stub.Closed())
			close(b.in)
		},
		"removed while it passes, it leaves no trace": func(t *testing.T, b *bench) {
			require.True(t, b.stub.InterruptToxic())
			b.gate.Cleanup(b.stub)
			require.False(t, b.stub.Closed())
			close(b.in)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newBench(t)) }) // fails if a goroutine stays blocked
		})
	}
}

func TestGateAttributes(t *testing.T) {
	g := new(gate)
	shown := func() string {
		t.Helper()
		b, err := json.Marshal(g)
		require.NoError(t, err)
		return string(b)
	}
	require.JSONEq(t, `{"mode":"pass"}`, shown())
	for _, m := range modeNames {
		require.NoError(t, json.Unmarshal([]byte(`{"mode":"`+m+`"}`), g))
		require.JSONEq(t, `{"mode":"`+m+`"}`, shown())
	}
	for _, keep := range []string{`{}`, `null`, `{"other":1}`} {
		require.NoError(t, json.Unmarshal([]byte(keep), g))
		require.JSONEq(t, `{"mode":"jam"}`, shown())
	}
	require.ErrorIs(t, json.Unmarshal([]byte(`{"mode":"shut"}`), g), ErrUnknownName)
	require.Error(t, json.Unmarshal([]byte(`{"mode":1}`), g))
	require.JSONEq(t, `{"mode":"jam"}`, shown())
}
