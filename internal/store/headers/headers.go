// Package headers writes HTTP headers as the databases keep them, so that they read the same in each.
package headers

import (
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
)

// Headers are kept as counts and strings, each string behind its length, all numbers as varints: the number of names;
// for each name, in their order, itself, the number of its values, and those. The count of values is one more than it
// is, with 0 for a nil slice; nil headers are nil.

// Encode gives headers as bytes, nil for nil. Equal headers give equal bytes.
func Encode(h http.Header) []byte {
	if h == nil {
		return nil
	}
	size := binary.MaxVarintLen16
	var some [24]string // as many as a usual delivery has, without going to the heap
	names := some[:0]
	for name, values := range h {
		names = append(names, name)
		size += len(name) + 2*binary.MaxVarintLen16
		for _, value := range values {
			size += len(value) + binary.MaxVarintLen32
		}
	}
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(h)))
	slices.Sort(names)
	for _, name := range names {
		b = appendString(b, name)
		values := h[name]
		if values == nil {
			b = binary.AppendUvarint(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(values))+1)
		for _, value := range values {
			b = appendString(b, value)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errDamaged = errors.New("stored headers are damaged")

// Decode is the reverse of [Encode]. It fails when the bytes are not what Encode has made. Its time and memory are
// bounded by the length of b, whatever the counts in b say.
func Decode(b []byte) (http.Header, error) {
	if b == nil {
		return nil, nil
	}
	r := reader{b: b}
	names := r.number()
	h := make(http.Header, names)
	for range names {
		name := r.string()
		count := r.number()
		if count == 0 {
			h[name] = nil
			continue
		}
		values := make([]string, 0, count-1)
		for range count - 1 {
			values = append(values, r.string())
		}
		h[name] = values
	}
	if r.failed || len(r.b) > 0 {
		return nil, errDamaged
	}
	return h, nil
}

// reader returns zeros and empty strings for damaged bytes, and remembers that it failed.
type reader struct {
	b      []byte
	failed bool
}

// number returns a count. Whatever is counted takes at least one byte each, so a count larger than the rest is damage.
func (r *reader) number() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)) {
		r.failed = true
		return 0
	}
	r.b = r.b[size:]
	return int(n) //nolint:gosec // at most the length of the bytes
}

func (r *reader) string() string {
	n := r.number()
	if n > len(r.b) {
		r.failed = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
