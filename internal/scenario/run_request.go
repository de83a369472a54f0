package scenario

import (
	"encoding/json"
	"strings"

	"github.com/zkkit/zkkit/fence"
)

// parse reads a request: an object of JSON, or one of these lines of text, which any program can write and any shell:
//
//	seal TOKEN           "nobody with an older token from now on", before the first write of a hold
//	write TOKEN VALUE    a write that carries a token, 0x1f or 31
//	write - VALUE        one that carries none
//
// It returns what is wrong with the line, "" if nothing is.
func (r *request) parse(line []byte) (wrong string) {
	const want = `want "seal TOKEN", "write TOKEN VALUE" or "write - VALUE"`
	text := strings.TrimSpace(string(line))
	if strings.HasPrefix(text, "{") {
		if json.Unmarshal(line, r) != nil || r.Op != "seal" && r.Op != "write" {
			return `want {"op": "seal" or "write", "token": 31, "value": "..."}`
		}
		return ""
	}
	r.plain = true
	var token string
	r.Op, token, _ = strings.Cut(text, " ")
	token, r.Value, _ = strings.Cut(strings.TrimSpace(token), " ")
	switch {
	case r.Op != "seal" && r.Op != "write" || token == "":
		return want
	case r.Op == "write" && token == "-":
		return ""
	}
	t, err := fence.ParseToken(token)
	if err != nil || t.Generation != 0 {
		return want + ", with a token such as 0x1f"
	}
	r.Token = t.ID
	return ""
}

// line writes an answer: as JSON, or as "ok", "stale 0x9" when a token of 0x9 has been seen, or "refused" for a write that has to carry a token.
func (a answer) line(plain bool) []byte {
	switch {
	case !plain:
		b, _ := json.Marshal(a) // A bool and a number always marshal.
		return b
	case a.OK:
		return []byte("ok")
	case a.Max != 0:
		return []byte("stale " + hex(a.Max))
	}
	return []byte("refused: a write to a fenced resource carries a token")
}
