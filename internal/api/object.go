package api

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/carteiro/carteiro/internal/payload"
)

// maxDepth is how many objects and arrays may stand inside one another in a body: those of a payload or template, the
// body's own object, and a batch's array.
const maxDepth = payload.DefaultMaxDepth + 2

// checkObject says whether a body is one JSON object in UTF-8 that is not nested too deep. It fails with errInvalidJSON,
// errTooDeep, and with faults when it is JSON but no object.
func checkObject(body []byte) error {
	err := payload.CheckObject(body, payload.Limits{MaxBytes: len(body) + 1, MaxDepth: maxDepth})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, payload.ErrNotObject):
		var f faults
		f.add(fieldBody, mustBeObject)
		return f.err()
	case errors.Is(err, payload.ErrTooDeep):
		return errTooDeep
	default:
		return errInvalidJSON
	}
}

// members walks the members of an object, or the items of an array, in JSON that is known to be valid.
type members struct{ payload.Walker }

func walk(data []byte) members { return members{payload.Walk(data)} }

// name gives the key of a member as it is meant: a name may be spelt with escapes.
func (m *members) name() string {
	if bytes.IndexByte(m.Key, '\\') < 0 {
		return string(m.Key)
	}
	return unescape(m.Key)
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
func isNumber(raw []byte) bool { return raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9' }
func isNull(raw []byte) bool   { return raw[0] == 'n' }
