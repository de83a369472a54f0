package zklock

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
	"unicode/utf8"
)

// Owner is what a contender writes about itself into its node, as JSON, so that people can see who holds and who waits.
type Owner struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Start is when the contender began to ask for the lock, by its own clock.
	Start time.Time `json:"start"`
	// Label is [Config.Label].
	Label string `json:"label,omitempty"`
	// Raw is what a contender of another library wrote instead, such as Curator's IP address.
	Raw string `json:"-"`
}

// String is for people.
func (o Owner) String() string {
	switch {
	case o.Raw != "":
		return fmt.Sprintf("%q", o.Raw)
	case o.Host == "":
		return "an unnamed contender"
	case o.Label != "":
		return fmt.Sprintf("%s (%s, pid %d)", o.Label, o.Host, o.PID)
	}
	return fmt.Sprintf("%s, pid %d", o.Host, o.PID)
}

func self(label string) Owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return Owner{Host: host, PID: os.Getpid(), Label: label}
}

func (o Owner) encode() []byte {
	b, err := json.Marshal(o)
	if err != nil { // strings, numbers and a time of this era always encode
		return nil
	}
	return b
}

// maxRaw bounds what is shown of a foreign contender's data.
const maxRaw = 256

func decodeOwner(data []byte) Owner {
	var o Owner
	if err := json.Unmarshal(data, &o); err == nil && o.Host != "" {
		return o
	}
	if len(data) > maxRaw {
		data = data[:maxRaw]
	}
	if !utf8.Valid(data) {
		return Owner{Raw: fmt.Sprintf("%x", data)}
	}
	return Owner{Raw: string(data)}
}
