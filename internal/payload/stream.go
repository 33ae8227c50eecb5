package payload

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

// ErrNotArray says that a text is JSON, yet no array.
var ErrNotArray = errors.New("not a JSON array")

// firstWindow is how much of a stream is read at once, in bytes, unless an item is larger.
const firstWindow = 64 << 10

// Stream reads the items of a JSON array, or the lines of a text, one by one. It holds one item at a time, and of an item that is too
// large nothing.
type Stream struct {
	checker
	source  io.Reader
	maxItem int
	grow    func(size int) error
	item    int // where the current item begins in data; -1 between items
	over    bool
	begun   bool
	text    bool   // it is checked to be UTF-8
	partial []byte // the beginning of a character at the end of what was read
	ended   bool
	err     error
}

// NewStream reads from source. window is used to hold what is read, if it has room. Items of more than maxItem bytes are not given.
// The nesting of the array itself counts in maxDepth. Before the stream uses more memory than window it calls grow, if that is not nil,
// with its new size; an error of grow ends the stream.
func NewStream(source io.Reader, window []byte, maxItem, maxDepth int, grow func(size int) error) *Stream {
	if cap(window) < utf8.UTFMax {
		window = make([]byte, 0, firstWindow)
	}
	s := &Stream{source: source, maxItem: maxItem, grow: grow, item: -1}
	s.checker = checker{data: window[:0], maxDepth: maxDepth, more: s.read}
	return s
}

// NextItem returns the next item of an array, valid JSON, until the next call; nil for an item of more than maxItem bytes. It fails
// with io.EOF after the last one, if the array was valid as a whole, with [ErrNotArray] for another JSON value, and otherwise with
// the error of the source, [ErrInvalidUTF8], [ErrTooDeep] or [ErrInvalidJSON].
func (s *Stream) NextItem() ([]byte, error) {
	item, err := s.nextItem()
	if err != nil && s.err != nil {
		err = s.err
	}
	return item, err
}

func (s *Stream) nextItem() ([]byte, error) {
	s.text = true
	s.space()
	first := !s.begun
	s.begun = true
	if first && !s.take('[') {
		return nil, s.other()
	}
	s.space()
	switch {
	case s.take(']'):
		return nil, s.end(io.EOF)
	case !first && !s.take(','):
		return nil, ErrInvalidJSON
	}
	s.space()
	s.item, s.over = s.pos, false
	const depth = 2 // the array is the first
	if err := s.value(depth); err != nil {
		return nil, err
	}
	return s.current(), nil
}

// other reads a value that is no array.
func (s *Stream) other() error {
	if err := s.value(1); err != nil {
		return err
	}
	return s.end(ErrNotArray)
}

// end returns err unless something follows.
func (s *Stream) end(err error) error {
	if s.space(); s.pos < len(s.data) || len(s.partial) > 0 || s.err != nil {
		return ErrInvalidJSON
	}
	return err
}

// NextLine returns the next line that is not blank, without white space around it, until the next call; nil for a line of more than
// maxItem bytes. It fails with io.EOF after the last one, and with the error of the source.
func (s *Stream) NextLine() ([]byte, error) {
	for {
		if s.space(); s.pos == len(s.data) {
			return nil, s.errOr(io.EOF)
		}
		s.item, s.over = s.pos, false
		for {
			if end := bytes.IndexByte(s.data[s.pos:], '\n'); end >= 0 {
				s.pos += end
				break
			}
			if s.pos = len(s.data); !s.refill() {
				break
			}
		}
		if s.err != nil {
			return nil, s.err
		}
		line := bytes.TrimSpace(s.data[s.item:s.pos])
		s.item = -1
		switch {
		case s.over || len(line) > s.maxItem:
			return nil, nil
		case len(line) > 0:
			return line, nil
		}
	}
}

func (s *Stream) errOr(err error) error {
	if s.err != nil {
		return s.err
	}
	return err
}

// current ends the current item and returns it; nil if it is too large.
func (s *Stream) current() []byte {
	item := s.data[s.item:s.pos]
	s.item = -1
	if s.over || len(item) > s.maxItem {
		return nil
	}
	return item
}

// Window returns the memory that the stream has used, for another one.
func (s *Stream) Window() []byte { return s.data[:0] }

// read reads more into data, of which it keeps the current item only.
func (s *Stream) read() bool {
	if s.ended {
		return false
	}
	kept := 0
	if s.item >= 0 && !s.over {
		// White space behind a line does not count: what has no room is too large for certain.
		if kept = copy(s.data, s.data[s.item:]); kept >= s.maxItem+firstWindow {
			s.over, kept = true, 0
		}
		s.item = 0
	}
	s.data, s.pos = s.data[:kept], kept
	if kept == cap(s.data) && !s.enlarge() {
		return false
	}
	for {
		n, err := s.source.Read(s.data[kept:cap(s.data)])
		s.data = s.data[:kept+n]
		if err != nil {
			if s.ended = true; !errors.Is(err, io.EOF) {
				s.err = err
			}
		}
		if n > 0 {
			s.checkText(s.data[kept:])
			return true
		}
		if s.ended {
			return false
		}
	}
}

// enlarge makes room for more of an item.
func (s *Stream) enlarge() bool {
	size := min(2*cap(s.data), s.maxItem+firstWindow)
	if s.grow != nil {
		if s.err = s.grow(size); s.err != nil {
			s.ended = true
			return false
		}
	}
	s.data = slices.Grow(s.data, size-len(s.data))
	return true
}

// checkText notes text that is not UTF-8. A character may lie across two reads.
func (s *Stream) checkText(read []byte) {
	if !s.text || s.err != nil {
		return
	}
	if len(s.partial) > 0 {
		for len(read) > 0 && !utf8.FullRune(s.partial) {
			s.partial, read = append(s.partial, read[0]), read[1:]
		}
		if !utf8.FullRune(s.partial) {
			return
		}
		if !utf8.Valid(s.partial) {
			s.err = ErrInvalidUTF8
			return
		}
		s.partial = s.partial[:0]
	}
	whole := len(read)
	for i := 1; i < utf8.UTFMax && i <= len(read); i++ {
		if b := read[len(read)-i]; utf8.RuneStart(b) {
			if !utf8.FullRune(read[len(read)-i:]) {
				whole = len(read) - i
			}
			break
		}
	}
	if !utf8.Valid(read[:whole]) {
		s.err = ErrInvalidUTF8
	}
	s.partial = append(s.partial, read[whole:]...)
}
