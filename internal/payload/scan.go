package payload

import "bytes"

// cursor walks the members of an object or the items of an array in JSON that is known to be valid. It checks nothing,
// which lets it skip strings at the speed of a search for their end; in anything else it just stops early.
type cursor struct {
	data []byte
	pos  int

	// Of the member that nextMember came to; its value starts at pos.
	keyPos int    // where the key's opening quote stands
	key    []byte // the key as it stands between its quotes, not decoded
}

// objectMembers gives a cursor at the first member of the object that data is; at the end of data if it is none.
func objectMembers(data []byte) cursor {
	pos := skipSpace(data, 0)
	if pos >= len(data) || data[pos] != '{' {
		return cursor{data: data, pos: len(data)}
	}
	return cursor{data: data, pos: pos + 1}
}

// atEnd reports whether no member or item follows. It may be asked only of a cursor that has not moved yet.
func (c *cursor) atEnd() bool {
	pos := skipSpace(c.data, c.pos)
	return pos >= len(c.data) || c.data[pos] == '}' || c.data[pos] == ']'
}

// nextMember moves from the end of a value, or the object's start, to the next member's value, and reports whether
// there is one. If not, pos is behind the object's closing brace.
func (c *cursor) nextMember() bool {
	if !c.nextItem() || c.data[c.pos] != '"' {
		return false
	}
	c.keyPos = c.pos
	c.pos = skipString(c.data, c.pos)
	if c.pos >= len(c.data) {
		return false
	}
	c.key = c.data[c.keyPos+1 : c.pos-1]
	c.pos = skipSpace(c.data, c.pos)
	if c.pos >= len(c.data) || c.data[c.pos] != ':' {
		return false
	}
	c.pos = skipSpace(c.data, c.pos+1)
	return c.pos < len(c.data)
}

// nextItem moves from the end of a value, or the array's start, to the next item, and reports whether there is one. If
// not, pos is behind the closing bracket.
func (c *cursor) nextItem() bool {
	c.pos = skipSpace(c.data, c.pos)
	if c.pos < len(c.data) && c.data[c.pos] == ',' {
		c.pos = skipSpace(c.data, c.pos+1)
	}
	if c.pos >= len(c.data) {
		return false
	}
	if b := c.data[c.pos]; b == '}' || b == ']' {
		c.pos++
		return false
	}
	return true
}

// skipValue moves from the start of a value to its end.
func (c *cursor) skipValue() { c.pos = skipValue(c.data, c.pos) }

// skipSpace gives the first index from i on that holds no white space.
func skipSpace(data []byte, i int) int {
	for i < len(data) && isSpace(data[i]) {
		i++
	}
	return i
}

// isSpace reports whether b is one of JSON's four white space characters (RFC 8259, section 2).
func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

// skipValue gives the index behind the value that starts at i. It always moves on, unless i is at the end of data.
func skipValue(data []byte, i int) int {
	if i >= len(data) {
		return len(data)
	}
	switch data[i] {
	case '"':
		return skipString(data, i)
	case '{', '[':
		return skipContainer(data, i)
	}
	for i++; i < len(data); i++ {
		if b := data[i]; b == ',' || b == '}' || b == ']' || isSpace(b) {
			break
		}
	}
	return i
}

// skipContainer gives the index behind the object or array that starts at i. It counts brackets without telling their
// kinds apart: in valid JSON they match.
func skipContainer(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			i = skipString(data, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return len(data)
}

// skipString gives the index behind the string whose opening quote stands at i.
func skipString(data []byte, i int) int {
	for i++; ; i++ {
		next := bytes.IndexByte(data[i:], '"')
		if next < 0 {
			return len(data)
		}
		start := i
		i += next
		escapes := 0
		for i-escapes > start && data[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}
