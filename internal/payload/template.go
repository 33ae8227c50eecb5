package payload

import (
	"bytes"
	"encoding/json"
)

// Bounds of templates.
const (
	// MaxTemplateBytes is the greatest length of a template as it is written, in bytes.
	MaxTemplateBytes = 64 << 10
	// MaxTemplateDepth is how many objects and arrays of a template may stand inside one another.
	MaxTemplateDepth = 64
	// MaxPathSegments is the greatest number of segments of one path.
	MaxPathSegments = 64
	// MaxRenderedBytes is the greatest length of what a template makes, in bytes.
	MaxRenderedBytes = 1 << 20
)

// Template makes a body in a receiver's own form out of the default body. It is made by [Compile], is immutable, and is
// safe for concurrent use.
//
// A template is a JSON object in which strings may hold placeholders, as {{call.id}} or {{ items.0.name }}. A path goes
// through the default body: each segment is the exact name of an object's member, or the index of an array's item,
// counted from 0 and written without leading zeros. No character but the full stop has a meaning, so a member whose
// name holds a full stop or a brace, or is empty, cannot be reached; white space at either end of a path is dropped.
// Where the body holds a name twice, the last one counts, as in encoding/json.
//
// A string that is one placeholder and nothing else gives way to the value, as it stands in the body; to null if
// there is none. In a longer text the value is inserted as text: a string without its quotes, a number or
// boolean as written, an object or array as its JSON without white space, null and what is missing as nothing.
//
// Placeholders are looked for in values only: the names of members are kept as they are written, and in their order.
// There is no way to write "{{" so that it means itself.
type Template struct {
	text  []byte // between the placeholders, of all parts and the tail
	parts []part
	paths paths
}

// part is a placeholder and the piece of the template's text before it, which begins where that of the previous part ends.
type part struct {
	end    uint32 // of the piece of text
	node   uint32 // of the placeholder's path
	inText bool   // the placeholder stands in a longer text
}

// Render makes the receiver's body out of the default body, which must be a valid JSON object; the result is one, too.
// Its only error is [ErrTooLarge], for a result of more than [MaxRenderedBytes]. The values are counted with
// the white space they have in the body, even where they lose it in the result.
func (t *Template) Render(body []byte) ([]byte, error) {
	var room [few]span
	values := t.find(body, room[:])
	// Counted before it is made, so that no template can make a server build, or compact, more than it may send.
	size := t.size(values)
	if size > MaxRenderedBytes {
		return nil, ErrTooLarge
	}
	out := make([]byte, 0, size+len("null"))
	done := uint32(0)
	for _, p := range t.parts {
		out = append(out, t.text[done:p.end]...)
		done = p.end
		value := body[values[p.node].start:values[p.node].end]
		if p.inText {
			out = appendAsText(out, value)
		} else {
			out = appendAsValue(out, value)
		}
	}
	if out = append(out, t.text[done:]...); len(out) > MaxRenderedBytes {
		return nil, ErrTooLarge
	}
	return out, nil
}

// few is how many paths common templates have: these need no allocation.
const few = 24

// find gives the values of the paths in a body. It uses room if it is enough.
func (t *Template) find(body []byte, room []span) []span {
	n := t.paths.count()
	if n > len(room) {
		room = make([]span, n)
	}
	values := room[:n]
	t.paths.find(body, values)
	return values
}

func (t *Template) size(values []span) int {
	size := len(t.text)
	for _, p := range t.parts {
		size += values[p.node].len()
	}
	return size
}

// Size returns about how many bytes [Template.Render] would make; 0 if it would fail.
func (t *Template) Size(body []byte) int {
	var room [few]span
	size := t.size(t.find(body, room[:]))
	if size > MaxRenderedBytes {
		return 0
	}
	return size
}

// MaxSize returns how many bytes [Template.Render] can make at most of a body of so many bytes.
func (t *Template) MaxSize(body int) int {
	return min(MaxRenderedBytes, len(t.text)+len(t.parts)*max(body, len("null")))
}

// MaxRendered is [Template.MaxSize] of a template that is not compiled. It may be higher.
func MaxRendered(template json.RawMessage, body int) int {
	if bytes.Contains(bytes.ToLower(template), []byte(`\u007b`)) { // an escaped brace
		return MaxRenderedBytes
	}
	return min(MaxRenderedBytes, len(template)+bytes.Count(template, []byte("{{"))*max(body, len("null")))
}

// appendAsValue appends a value where a JSON value is due. An empty value is one that is missing.
func appendAsValue(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, value...)
}

// appendAsText appends a value inside a JSON string. A string's own text needs no work: it is escaped as it must be.
func appendAsText(dst, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	switch value[0] {
	case 'n':
		return dst
	case '"':
		return append(dst, value[1:max(1, len(value)-1)]...)
	case '{', '[':
		return appendCompact(dst, value)
	}
	return append(dst, value...)
}
