package send

import (
	"errors"
	"fmt"
	"io"
)

// errInvalidResponse says that a response breaks the rules of HTTP/1.1, or a bound on what we read of it.
var errInvalidResponse = errors.New("invalid response")

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errInvalidResponse, fmt.Errorf(format, args...))
}

var errHeadTooLong = invalidf("the headers are too long")

// invalidHead marks an error of net/http's parser as [errInvalidResponse].
func invalidHead(err error) error {
	if errors.Is(err, errInvalidResponse) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return invalidf("%w", err)
}

// isEarlyResponse turns the end of a connection into the error of a body that broke off.
func isEarlyResponse(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errBrokenBody
	}
	return err
}
