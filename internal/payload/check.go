package payload

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Defaults of [Limits].
const (
	DefaultMaxBytes = 256 << 10 // bytes of a payload
	DefaultMaxDepth = 64        // objects and arrays inside one another
)

// Limits bounds a JSON object. The zero value of a field stands for its default.
type Limits struct {
	// MaxBytes is the greatest length in bytes, white space included; default [DefaultMaxBytes].
	MaxBytes int
	// MaxDepth is how many objects and arrays may stand inside one another, the object itself being the first;
	// default [DefaultMaxDepth].
	MaxDepth int
}

// What may be wrong with a JSON object; an [*ObjectError] wraps one of them.
var (
	// ErrInvalidJSON: the text is not one JSON value (RFC 8259).
	ErrInvalidJSON = errors.New("not valid JSON")
	// ErrInvalidUTF8: the text is not UTF-8.
	ErrInvalidUTF8 = errors.New("not valid UTF-8")
	// ErrNotObject: it is JSON, yet no object.
	ErrNotObject = errors.New("not a JSON object")
	// ErrTooDeep: objects and arrays are nested too deep.
	ErrTooDeep = errors.New("nested too deep")
	// ErrTooLarge: a payload, a template, or what a template would make is too large.
	ErrTooLarge = errors.New("too large")
)

// ObjectError says what is wrong with a JSON object, and where.
type ObjectError struct {
	// Err is one of the sentinels above.
	Err error
	// Offset is the first byte at fault, counted from 0. Of an object that is too large it is the greatest length.
	Offset int
}

// Error gives the fault and its place.
func (e *ObjectError) Error() string { return fmt.Sprintf("%v (at byte %d)", e.Err, e.Offset) }

// Unwrap gives the sentinel.
func (e *ObjectError) Unwrap() error { return e.Err }

// CheckObject returns nil if payload is one JSON object (RFC 8259) in UTF-8, within the limits and with nothing but
// white space round it; else an [*ObjectError]. It takes what encoding/json takes: a name may occur twice, half a
// surrogate pair may be escaped, a number may be of any length. It decodes nothing and allocates only for an error.
func CheckObject(payload []byte, limits Limits) error {
	limits = limits.orDefaults()
	if len(payload) > limits.MaxBytes {
		return &ObjectError{ErrTooLarge, limits.MaxBytes}
	}
	if !utf8.Valid(payload) {
		return &ObjectError{ErrInvalidUTF8, invalidUTF8At(payload)}
	}
	c := checker{data: payload, maxDepth: limits.MaxDepth}
	c.space()
	start := c.pos
	if err := c.value(1); err != nil {
		return &ObjectError{err, c.pos}
	}
	if c.space(); c.pos < len(payload) {
		return &ObjectError{ErrInvalidJSON, c.pos}
	}
	if payload[start] != '{' {
		return &ObjectError{ErrNotObject, start}
	}
	return nil
}

func (l Limits) orDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxDepth == 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	return l
}

func invalidUTF8At(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}
