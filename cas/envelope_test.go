package cas

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvelopeIsReadAsItWasWritten(t *testing.T) {
	for name, e := range map[string]envelope{
		"empty":          {},
		"an empty value": {present: true, number: 1, traces: []trace{{7, 1, 1}}},
		"all of it": {
			present: true, number: 1 << 40, floor: 1<<40 - 9, value: []byte("value\x00"), lock: "/stock/widget-lock",
			traces: []trace{{1 << 63, 1 << 50, 1 << 40}, {2, 3, 1<<40 - 1}, {4, 5, 1<<40 - 7}},
		},
		"locked after its last write": {present: true, number: 3, value: []byte("v"), lock: "/l", traces: []trace{{1, 2, 3}}},
	} {
		got, err := decode(e.encode())
		require.NoError(t, err, name)
		if len(got.value) == 0 {
			got.value = e.value
		}
		if len(got.traces) == 0 {
			got.traces = e.traces
		}
		require.Equal(t, e, got, name)
	}
	none, err := decode(nil)
	require.NoError(t, err)
	require.Equal(t, envelope{}, none, "a node that somebody has made by hand")
}

func TestWhatIsNoEnvelopeIsRefused(t *testing.T) {
	whole := envelope{present: true, number: 300, traces: []trace{{1, 2, 300}, {3, 4, 299}}, lock: "/l"}
	data := whole.encode()
	for n := 1; n < len(data); n++ {
		_, err := decode(data[:n])
		require.Error(t, err, "the first %d bytes of %d", n, len(data))
	}
	for _, foreign := range []string{"1", "{}", "some text that is long enough", "\x9ccat\x01\x00\x00\x00\x00", strings.Repeat("\x00", 40)} {
		_, err := decode([]byte(foreign))
		require.ErrorIs(t, err, errNotOurs, "%q", foreign)
	}
	newer := bytes.Clone(data)
	newer[4] = 2
	_, err := decode(newer)
	require.ErrorIs(t, err, errNewer)

	// Numbers that do not fall from one trace to the next would break the order.
	same := envelope{number: 5, traces: []trace{{1, 1, 5}, {2, 1, 5}}}
	_, err = decode(same.encode())
	require.ErrorIs(t, err, errNotOurs)
}

func FuzzDecode(f *testing.F) {
	e := envelope{present: true, number: 300, floor: 2, traces: []trace{{1, 2, 300}, {3, 4, 299}}, lock: "/l", value: []byte("v")}
	f.Add(e.encode())
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			return
		}
		again, err := decode(e.encode())
		require.NoError(t, err)
		require.Equal(t, len(e.traces), len(again.traces))
		require.Equal(t, string(e.value), string(again.value))
		require.Equal(t, e.number, again.number)
		for i, x := range e.traces {
			require.Equal(t, x, again.traces[i])
			require.LessOrEqual(t, x.number, e.number)
		}
	})
}
