package payload

import "encoding/binary"

// checker reads JSON by its grammar (RFC 8259) without decoding it. Its methods move pos over one thing each; where
// they fail, pos is at the byte at fault. It recurses no deeper than maxDepth.
type checker struct {
	data     []byte
	pos      int
	maxDepth int
	// more, if not nil, reads more of a stream into data once pos is at its end, and reports whether there was more. It may move
	// what data holds, and pos with it.
	more func() bool
}

// value reads one value; depth is what it would have if it were an object or array.
func (c *checker) value(depth int) error {
	switch c.peek() {
	case '"':
		return c.str()
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case 't':
		return c.literal("true")
	case 'f':
		return c.literal("false")
	case 'n':
		return c.literal("null")
	}
	return c.number()
}

func (c *checker) object(depth int) error {
	if depth > c.maxDepth {
		return ErrTooDeep
	}
	c.pos++
	if c.space(); c.take('}') {
		return nil
	}
	for {
		if c.peek() != '"' {
			return ErrInvalidJSON
		}
		if err := c.str(); err != nil {
			return err
		}
		if c.space(); !c.take(':') {
			return ErrInvalidJSON
		}
		c.space()
		if err := c.value(depth + 1); err != nil {
			return err
		}
		if c.space(); c.take('}') {
			return nil
		}
		if !c.take(',') {
			return ErrInvalidJSON
		}
		c.space()
	}
}

func (c *checker) array(depth int) error {
	if depth > c.maxDepth {
		return ErrTooDeep
	}
	c.pos++
	if c.space(); c.take(']') {
		return nil
	}
	for {
		if err := c.value(depth + 1); err != nil {
			return err
		}
		if c.space(); c.take(']') {
			return nil
		}
		if !c.take(',') {
			return ErrInvalidJSON
		}
		c.space()
	}
}

func (c *checker) str() error {
	for c.pos++; ; c.pos++ {
		for c.plain(); c.pos == len(c.data) && c.refill(); {
			c.plain()
		}
		switch b := c.peek(); {
		case b == '"':
			c.pos++
			return nil
		case b != '\\':
			return ErrInvalidJSON // a control character, or the end
		}
		c.pos++
		if err := c.escape(); err != nil {
			return err
		}
	}
}

// plain moves over characters that stand for themselves, eight at a time while there are eight.
func (c *checker) plain() {
	for len(c.data)-c.pos >= 8 {
		if hasSpecial(binary.LittleEndian.Uint64(c.data[c.pos:])) {
			break
		}
		c.pos += 8
	}
	for c.pos < len(c.data) {
		if b := c.data[c.pos]; b < ' ' || b == '"' || b == '\\' {
			return
		}
		c.pos++
	}
}

// hasSpecial reports whether any of eight bytes is a quote, a backslash or below a space. For each it looks for a byte
// that borrows when something is taken from it: x-n sets the high bit of a byte below n, which &^x confines to bytes
// that had it unset. A borrow can give a false hit in a byte above a true one, never a false answer.
func hasSpecial(x uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^(ones*'"'), x^(ones*'\\')
	found := (x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash
	return found&highs != 0
}

// escape reads what stands behind a backslash, but for its last character.
func (c *checker) escape() error {
	switch c.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			c.pos++
			if !isHex(c.peek()) {
				return ErrInvalidJSON
			}
		}
		return nil
	}
	return ErrInvalidJSON
}

func (c *checker) literal(word string) error {
	for i := range len(word) {
		if !c.take(word[i]) {
			c.pos -= min(i, c.pos)
			return ErrInvalidJSON
		}
	}
	return nil
}

func (c *checker) number() error {
	c.take('-')
	if !c.take('0') && !c.digits() {
		return ErrInvalidJSON
	}
	if c.take('.') && !c.digits() {
		return ErrInvalidJSON
	}
	if b := c.peek(); b == 'e' || b == 'E' {
		c.pos++
		if !c.take('+') {
			c.take('-')
		}
		if !c.digits() {
			return ErrInvalidJSON
		}
	}
	return nil
}

// digits moves over digits and reports whether there was one.
func (c *checker) digits() (some bool) {
	for isDigit(c.peek()) {
		c.pos++
		some = true
	}
	return some
}

func (c *checker) space() {
	for c.pos = skipSpace(c.data, c.pos); c.pos == len(c.data) && c.refill(); {
		c.pos = skipSpace(c.data, c.pos)
	}
}

// peek gives the byte at pos; NUL, which no rule of the grammar takes, at the end.
func (c *checker) peek() byte {
	if c.pos < len(c.data) || c.refill() {
		return c.data[c.pos]
	}
	return 0
}

// refill reads more of a stream into data, and reports whether there was more.
func (c *checker) refill() bool { return c.more != nil && c.more() }

// take moves over one byte if it is b.
func (c *checker) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.pos++
	return true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isHex(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }
