package scenario

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hurry bounds hangs, and measures nothing.
const hurry = 30 * time.Second

func TestClaims(t *testing.T) {
	said := func(lines ...string) string {
		c := claims{who: WhoHolder}
		var all []string
		for i, line := range lines {
			events, wrong := c.hear(line, i > 2)
			for _, e := range events {
				require.Equal(t, WhoHolder, e.Who)
				require.InDelta(t, Ms(reportSlack), e.Figures[ReportedWithinMs], 0)
				text := e.What
				if e.Token != 0 {
					text += " " + hex(e.Token)
				}
				all = append(all, text)
			}
			if wrong != "" {
				all = append(all, "wrong")
			}
		}
		return strings.Join(all, ", ")
	}
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"working", "", "zkctl", "held", " zkctl: held"}, ""},
		{[]string{"zkctl: held", "zkctl: released"}, "acquired, belief-ended"},
		{[]string{"zkctl: held 0x1f", "zkctl: held 31", "zkctl: held", "zkctl: released"}, "acquired 0x1f, still-believing 0x1f, still-believing 0x1f, belief-ended 0x1f"},
		{[]string{"zkctl: held 5", "zkctl: held 6"}, "acquired 0x5, belief-ended 0x5, acquired 0x6"},
		{[]string{"zkctl: released", "zkctl: held", "zkctl: released", "zkctl: released"}, "acquired, belief-ended"},
		{[]string{"zkctl: held 5", "zkctl: released", "", "zkctl: held 9"}, "acquired 0x5, belief-ended 0x5, rejoined 0x9"},
		{[]string{"zkctl: hled", "zkctl: held x", "zkctl: held 0", "zkctl: held 1:5", "zkctl: released 5", "zkctl: "}, "wrong, wrong, wrong, wrong, wrong, wrong"},
	} {
		require.Equal(t, c.want, said(c.lines...), "%q", c.lines)
	}
}

func TestRequestLines(t *testing.T) {
	for line, want := range map[string]request{
		"seal 0x1f":                       {Op: "seal", Token: 31, plain: true},
		"write 31 ten crowns":             {Op: "write", Token: 31, Value: "ten crowns", plain: true},
		"write 31":                        {Op: "write", Token: 31, plain: true},
		" write  - ten crowns\r":          {Op: "write", Value: "ten crowns", plain: true},
		`{"op":"write","token":5}`:        {Op: "write", Token: 5},
		`{"op":"seal","token":5,"x":"y"}`: {Op: "seal", Token: 5},
	} {
		var r request
		require.Empty(t, r.parse([]byte(line)), line)
		require.Equal(t, want, r, line)
	}
	for _, line := range []string{"", "write", "seal", "seal -", "read 5", "write x y", "write 0 y", "write 1:5 y", "{", `{"op":"read"}`, `{"op":"write","token":-1}`} {
		require.NotEmpty(t, new(request).parse([]byte(line)), line)
	}
	require.Equal(t, "ok", string(answer{OK: true}.line(true)))
	require.Equal(t, "stale 0x9", string(answer{Max: 9}.line(true)))
	require.Contains(t, string(answer{}.line(true)), "refused")
	require.JSONEq(t, `{"ok": false, "max": 9}`, string(answer{Max: 9}.line(false)))
}

// A resource knows who writes by the port, and refuses what it should.
func TestResourceKnowsWhoWrites(t *testing.T) {
	rec := &recorder{}
	r := newResource(rec, true)
	defer r.close()
	talk := func(by string) func(line string) string {
		addr, err := r.listen(by)
		require.NoError(t, err)
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(hurry)))
		answers := bufio.NewScanner(conn)
		return func(line string) string {
			_, err := conn.Write([]byte(line + "\n"))
			require.NoError(t, err)
			require.True(t, answers.Scan(), "%v", answers.Err())
			return answers.Text()
		}
	}
	holder, waiter := talk(WhoHolder), talk(WhoWaiter)
	require.Equal(t, "ok", holder("seal 0x5"))
	require.Equal(t, "ok", holder("write 5 x"))
	require.Equal(t, "ok", waiter("seal 0x6"))
	require.Equal(t, "stale 0x6", holder("write 5 x"))
	require.Contains(t, holder("write - x"), "refused")
	require.Contains(t, holder("nonsense"), "error: ")
	require.JSONEq(t, `{"ok": true}`, waiter(`{"op": "write", "token": 6}`))
	var told []string
	for _, e := range rec.all() {
		ok := "-"
		if e.OK != nil {
			ok = map[bool]string{true: "yes", false: "no"}[*e.OK]
		}
		told = append(told, strings.Join([]string{e.What, e.By, hex(e.Token), ok}, " "))
	}
	require.Equal(t, []string{
		"sealed holder 0x5 -", "write holder 0x5 yes", "sealed waiter 0x6 -", "write holder 0x5 no", "write holder 0x0 no", "write waiter 0x6 yes",
	}, told)
}

// served is a server that answers whatever comes with the same bytes, and ends the connection.
func served(t *testing.T, answer []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = conn.Write(answer)
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}

// A wire reads what a handshake says, in whatever pieces it comes, and passes on what is none.
func TestWireReadsHandshakes(t *testing.T) {
	ask := binary.BigEndian.AppendUint32(nil, 45)
	ask = append(ask, make([]byte, 12)...)
	ask = binary.BigEndian.AppendUint32(ask, 3000)
	ask = append(ask, make([]byte, 29)...)
	reply := binary.BigEndian.AppendUint32(nil, 37)
	reply = append(reply, 0, 0, 0, 0)
	reply = binary.BigEndian.AppendUint32(reply, 2000)
	reply = binary.BigEndian.AppendUint64(reply, 0x100a5)
	reply = append(reply, "the password and more"...)

	through := func(question, answer []byte, pieces int) (heard []byte, told []handshake) {
		shakes := make(chan handshake, 2)
		w, err := newWire(served(t, answer), func(h handshake) { shakes <- h })
		require.NoError(t, err)
		conn, err := net.Dial("tcp", w.addr())
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(hurry)))
		for len(question) > 0 {
			n := min(pieces, len(question))
			if _, err := conn.Write(question[:n]); err != nil {
				break // It answers the first piece, and hangs up.
			}
			question = question[n:]
		}
		b := make([]byte, 256)
		for n, err := conn.Read(b); err == nil; n, err = conn.Read(b) {
			heard = append(heard, b[:n]...)
		}
		_ = conn.Close()
		w.close()
		close(shakes)
		for h := range shakes {
			told = append(told, h)
		}
		return heard, told
	}
	heard, told := through(ask, reply, len(ask))
	require.Equal(t, reply, heard)
	require.Len(t, told, 1)
	require.EqualValues(t, 0x100a5, told[0].session)
	require.Equal(t, 3*time.Second, told[0].asked)
	require.Equal(t, 2*time.Second, told[0].given)
	require.False(t, told[0].at.IsZero())

	_, told = through([]byte("srvr"), []byte("Zookeeper version: 3.8.0, and more\n"), 4)
	require.Empty(t, told)
	_, told = through([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03, which is TLS"), []byte("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03, and so is this"), 64)
	require.Empty(t, told)
	heard, told = through(ask, nil, len(ask))
	require.Empty(t, heard)
	require.Empty(t, told)

	h := &head{size: connectResponse, read: func(b []byte) { told = append(told, handshake{session: binary.BigEndian.Uint64(b[12:])}) }}
	for _, b := range reply {
		_, _ = h.Write([]byte{b})
	}
	require.Equal(t, []handshake{{session: 0x100a5}}, told)
}

// The report of a program can be read again.
func TestProgramParametersSurvive(t *testing.T) {
	p := Parameters{Recipe: RecipeProgram, Command: []string{"./worker", "-x"}, Resource: ResourcePlain}
	b, err := json.Marshal(p)
	require.NoError(t, err)
	var q Parameters
	require.NoError(t, json.Unmarshal(b, &q))
	require.Equal(t, p, q)
}
