package api

import (
	"bytes"
	"encoding/json"
	"errors"

	"carteiro/internal/payload"
)

// maxDepth is how many objects and arrays may stand inside one another in a body: those of a payload or template, the
// body's own object, and a batch's array.
const maxDepth = payload.DefaultMaxDepth + 2

// checkObject says whether a body is one JSON object in UTF-8 that is not nested too deep. It fails with errInvalidJSON,
// and with faults when it is JSON but no object.
func checkObject(body []byte) error {
	err := payload.CheckObject(body, payload.Limits{MaxBytes: len(body) + 1, MaxDepth: maxDepth})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, payload.ErrNotObject):
		var f faults
		f.add(fieldBody, mustBeObject)
		return f.err()
	default:
		return errInvalidJSON
	}
}

// members walks the members of an object, or the items of an array, in JSON that is known to be valid.
type members struct {
	data  []byte
	pos   int
	key   []byte // of an object's member, as it stands between its quotes
	value []byte
}

// walk gives a walker before the first member of the object, or the first item of the array, that data is.
func walk(data []byte) members {
	start := skipSpace(data, 0)
	return members{data: data, pos: start + 1}
}

// nextMember moves to the next member of an object and reports whether there is one.
func (m *members) nextMember() bool {
	if !m.toNext() {
		return false
	}
	end := skipString(m.data, m.pos)
	m.key = m.data[m.pos+1 : end-1]
	m.pos = skipSpace(m.data, skipSpace(m.data, end)+1) // past the colon
	m.takeValue()
	return true
}

// nextItem moves to the next item of an array and reports whether there is one.
func (m *members) nextItem() bool {
	if !m.toNext() {
		return false
	}
	m.takeValue()
	return true
}

func (m *members) toNext() bool {
	m.pos = skipSpace(m.data, m.pos)
	if m.pos < len(m.data) && m.data[m.pos] == ',' {
		m.pos = skipSpace(m.data, m.pos+1)
	}
	return m.pos < len(m.data) && m.data[m.pos] != '}' && m.data[m.pos] != ']'
}

func (m *members) takeValue() {
	start := m.pos
	m.pos = skipValue(m.data, start)
	m.value = m.data[start:m.pos]
}

// name gives the key of a member as it is meant: a name may be spelt with escapes.
func (m *members) name() string {
	if bytes.IndexByte(m.key, '\\') < 0 {
		return string(m.key)
	}
	return unescape(m.key)
}

// text gives the string that a raw value is.
func text(raw []byte) string {
	inside := raw[1 : len(raw)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return string(inside)
	}
	return unescape(inside)
}

func unescape(inside []byte) (s string) {
	quoted := append(append([]byte{'"'}, inside...), '"')
	_ = json.Unmarshal(quoted, &s) // a string known to be valid: it cannot fail
	return s
}

func isString(raw []byte) bool { return raw[0] == '"' }
func isObject(raw []byte) bool { return raw[0] == '{' }
func isArray(raw []byte) bool  { return raw[0] == '[' }
func isNull(raw []byte) bool   { return raw[0] == 'n' }

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

// skipValue gives the index behind the value that begins at i.
func skipValue(data []byte, i int) int {
	switch data[i] {
	case '"':
		return skipString(data, i)
	case '{', '[':
		return skipContainer(data, i)
	}
	for i++; i < len(data); i++ {
		switch data[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return i
		}
	}
	return i
}

func skipContainer(data []byte, i int) int {
	for depth := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = skipString(data, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(data)
}

func skipString(data []byte, i int) int {
	for i++; ; i++ {
		next := bytes.IndexByte(data[i:], '"')
		if next < 0 {
			return len(data)
		}
		begin := i
		i += next
		escapes := 0
		for i-escapes > begin && data[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}
