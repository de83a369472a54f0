package cas

import (
	"bytes"
	"encoding/json"
)

// A Codec turns values into bytes and back. It is safe for concurrent use.
type Codec[V any] interface {
	// Encode returns bytes that nobody changes afterwards.
	Encode(v V) ([]byte, error)
	// Decode returns a value that shares nothing with data: functions may change what they are given.
	Decode(data []byte) (V, error)
}

// Bytes is the codec that stores bytes as they are, and the default for them. Its zero value is ready to use.
type Bytes struct{}

// Encode returns a copy.
func (Bytes) Encode(v []byte) ([]byte, error) { return bytes.Clone(v), nil }

// Decode returns a copy, which is never nil.
func (Bytes) Decode(data []byte) ([]byte, error) { return append([]byte{}, data...), nil }

// JSON is the codec of package encoding/json, and the default for everything but bytes. Its zero value is ready to use.
type JSON[V any] struct{}

// Encode is json.Marshal.
func (JSON[V]) Encode(v V) ([]byte, error) { return json.Marshal(v) }

// Decode is json.Unmarshal, into a zero value.
func (JSON[V]) Decode(data []byte) (v V, err error) {
	err = json.Unmarshal(data, &v)
	return v, err
}

// codecOf returns the codec that was given, or the default one.
func codecOf[V any](given []Codec[V]) Codec[V] {
	if len(given) > 0 {
		return given[0]
	}
	if c, ok := any(Bytes{}).(Codec[V]); ok {
		return c
	}
	return JSON[V]{}
}
