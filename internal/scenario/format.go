package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/zkkit/zkkit/fence"
)

// at writes a time relative to the cut: "+1.270s".
func at(ms float64) string {
	if math.Abs(ms) < 0.5 {
		ms = 0 // never "-0.000s"
	}
	return fmt.Sprintf("%+.3fs", ms/1e3)
}

// span writes a length of time with three digits that matter: "0.2ms", "12ms", "1.098s".
func span(ms float64) string {
	switch abs := math.Abs(ms); {
	case abs < 0.05:
		return "0ms"
	case abs < 10:
		return trimZero(strconv.FormatFloat(ms, 'f', 1, 64)) + "ms"
	case abs < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + "ms"
	}
	return strconv.FormatFloat(ms/1e3, 'f', 3, 64) + "s"
}

// spanOf writes a length of time that somebody chose, so without the zeros of a measured one: "2s", "200ms".
func spanOf(m Millis) string { return m.Duration().String() }

// trimZero removes an empty fraction.
func trimZero(s string) string { return strings.TrimSuffix(s, ".0") }

// hex writes a token or a zxid as ZooKeeper's own tools do: "0x1f".
func hex(id uint64) string { return fence.Token{ID: id}.String() }

// number writes a figure as it stands in JSON.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// count writes a number of things: "1 write", "2 writes", "no writes".
func count(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing + "s"
	case 1:
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// size writes a number of bytes: "412 B", "3.1 kB".
func size(b float64) string {
	switch {
	case b < 1e3:
		return number(b) + " B"
	case b < 1e6:
		return trimZero(strconv.FormatFloat(b/1e3, 'f', 1, 64)) + " kB"
	}
	return trimZero(strconv.FormatFloat(b/1e6, 'f', 1, 64)) + " MB"
}

// sentence makes a sentence of a Detail.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// firstOf joins findings, of which only the first two are spelt out.
func firstOf(findings []string) string {
	if n := len(findings) - 2; n > 1 {
		return fmt.Sprintf("%s; %s; and %d more", findings[0], findings[1], n)
	}
	return strings.Join(findings, "; ")
}
