package ratelimit

import (
	"fmt"
	"strconv"
	"strings"
)

// maxKey bounds the length of a key, which comes from outside and is kept in memory.
const maxKey = 512

// checkKey refuses keys that cannot be counted under, or that would end up in another one's place.
func checkKey(key string) error {
	switch {
	case key == "":
		return &KeyError{Key: key, Why: "is empty"}
	case len(key) > maxKey:
		return &KeyError{Key: key, Why: fmt.Sprintf("has %d bytes, and %d are allowed", len(key), maxKey)}
	case strings.ContainsAny(key, "{}"):
		return &KeyError{Key: key, Why: "has braces, which choose the slot in a cluster: escape it"}
	}
	return nil
}

// suffix tells limits apart that count under the same keys. The numbers in a state mean nothing under another limit.
func (l Limit) suffix(spread int) string {
	s := fmt.Sprintf(":%d/%v", l.Max, l.Per)
	switch k := l.kind().(type) {
	case Rolling:
	case Bucket:
		s += fmt.Sprintf("/b%d", k.Burst)
	case FixedWindow:
		s += "/f"
	}
	if spread > 1 {
		s += "/" + strconv.Itoa(spread)
	}
	return s
}

// slots is the number of hash slots of a Redis Cluster.
const slots = 16384

// part returns the tag of one of several sub-buckets of a key. Each of them lies in a stretch of slots of its own, and so on a server of its own if there are as many servers and
// the slots are divided among them as they usually are. All servers find the same tags.
func part(key string, i, parts int) string {
	for n := 0; ; n++ {
		tag := key + "#" + strconv.Itoa(i)
		if n > 0 {
			tag += "." + strconv.Itoa(n)
		}
		if slot(tag)*parts/slots == i {
			return tag
		}
	}
}

// slot returns the hash slot of a tag: its CRC-16 (XMODEM), of which Redis takes 14 bits.
func slot(tag string) int {
	crc := uint16(0)
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slots
}
