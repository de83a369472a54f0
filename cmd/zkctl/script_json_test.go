package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

func cmdJSONField(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "FILE PATH WANT")
	var object map[string]any
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(a[0])))
	ts.Check(dec.Decode(&object))
	if dec.More() {
		ts.Fatalf("%s has more than one JSON object", a[0])
	}
	got, there := field(object, strings.Split(a[1], "."))
	if !matches(got, there, a[2]) {
		ts.Fatalf("%s is %v, want %s", a[1], got, a[2])
	}
}

// field follows names and indexes into a JSON value. "len" is the length.
func field(v any, path []string) (any, bool) {
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			switch {
			case step == "len":
				v = float64(len(at))
			case err != nil || i >= len(at):
				return nil, false
			default:
				v = at[i]
			}
		default:
			return nil, false
		}
	}
	return v, true
}

func matches(got any, there bool, want string) bool {
	number, isNumber := got.(float64)
	bound, err := strconv.ParseFloat(strings.TrimLeft(want, "<>"), 64)
	switch {
	case want == "absent":
		return !there
	case !there:
		return false
	case want == "number":
		return isNumber
	case strings.HasPrefix(want, ">"):
		return isNumber && err == nil && number > bound
	case strings.HasPrefix(want, "<"):
		return isNumber && err == nil && number < bound
	case isNumber:
		return err == nil && number == bound
	}
	return fmt.Sprint(got) == want
}

func TestJSONField(t *testing.T) {
	var v any
	require.NoError(t, json.Unmarshal([]byte(`{"a": {"b": [1, "x"]}, "t": true}`), &v))
	for _, c := range []struct {
		path, want string
		ok         bool
	}{
		{"a.b.0", "1", true}, {"a.b.0", "2", false}, {"a.b.0", ">0", true}, {"a.b.0", ">1", false}, {"a.b.0", "<1", false},
		{"a.b.0", "number", true}, {"a.b.1", "number", false}, {"a.b.1", "x", true}, {"a.b.1", "y", false}, {"a.b.len", "2", true},
		{"a.c", "absent", true}, {"a.c", "x", false}, {"a.b", "absent", false}, {"t", "true", true}, {"t", "false", false}, {"a.b.1", ">0", false},
	} {
		got, there := field(v, strings.Split(c.path, "."))
		require.Equal(t, c.ok, matches(got, there, c.want), "%s against %s", c.path, c.want)
	}
}
