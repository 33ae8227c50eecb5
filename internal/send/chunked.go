package send

import (
	"bufio"
	"bytes"
	"io"
)

// chunked reads a body in the chunked coding (RFC 9112, section 7.1), its trailer included. net/http's reader is not
// used because it rejects whitespace before a chunk extension, which the grammar allows.
type chunked struct {
	r    *bufio.Reader
	left uint64 // of the current chunk
	open bool   // the current chunk's line break is still to come
	err  error
}

// maxTrailer bounds a trailer, in bytes.
const maxTrailer = 8 << 10

// Read implements [io.Reader].
func (c *chunked) Read(p []byte) (n int, err error) {
	if c.left == 0 && c.err == nil {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err = c.r.Read(p[:min(uint64(len(p)), c.left)])
	c.left -= uint64(n) //nolint:gosec // a count
	c.err = isEarlyResponse(err)
	return n, c.err
}

// next reads up to the beginning of the next chunk. It returns io.EOF after the trailer of the last one.
func (c *chunked) next() error {
	if c.open {
		var end [2]byte
		if _, err := io.ReadFull(c.r, end[:]); err != nil {
			return isEarlyResponse(err)
		}
		if string(end[:]) != "\r\n" {
			return invalidf("a chunk does not end where its size says")
		}
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	if c.left, err = chunkSize(line); err != nil {
		return err
	}
	c.open = true
	if c.left > 0 {
		return nil
	}
	return c.trailer()
}

// trailer reads the trailer, which is ignored.
func (c *chunked) trailer() error {
	for room := maxTrailer; room > 0; {
		line, err := c.line()
		switch {
		case err != nil:
			return err
		case len(line) == 0:
			return io.EOF
		case bytes.IndexByte(line, ':') <= 0:
			return invalidf("malformed trailer")
		}
		room -= len(line) + 2
	}
	return invalidf("the trailer is too long")
}

// line reads a line, which must fit into the reader's buffer, without its end.
func (c *chunked) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull { //nolint:errorlint // ReadSlice returns this very error
		return nil, invalidf("a line of the chunked coding is too long")
	}
	if err != nil {
		return nil, isEarlyResponse(err)
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, invalidf("a line of the chunked coding ends in a line feed alone")
	}
	return text, nil
}

// chunkSize parses a chunk's first line: a size, and extensions, which are ignored.
func chunkSize(line []byte) (size uint64, err error) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 16 {
		return 0, invalidf("malformed chunk size")
	}
	for _, b := range digits {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), b|0x20)
		if digit < 0 {
			return 0, invalidf("malformed chunk size")
		}
		size = size<<4 | uint64(digit)
	}
	return size, nil
}
