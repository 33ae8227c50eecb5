package front

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is the http.ResponseWriter of a connection, used by one request at a time. It is sent whole, once its handler
// has returned.
type answer struct {
	header http.Header
	status int
	body   []byte
	wire   []byte
}

// maxKept is how much room, in bytes, a connection keeps for its next answers.
const maxKept = 4 << 10

func (a *answer) reset() {
	clear(a.header)
	a.status, a.body = 0, a.body[:0]
	if cap(a.body)+cap(a.wire) > 2*maxKept {
		a.body, a.wire = nil, nil
	}
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter; the first status counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, p...)
	return len(p), nil
}

// send writes the answer in one piece. last tells the client that the connection ends with it.
func (a *answer) send(w io.Writer, now time.Time, last bool) error {
	a.WriteHeader(http.StatusOK)
	b := strconv.AppendInt(append(a.wire[:0], "HTTP/1.1 "...), int64(a.status), 10)
	b = append(append(append(b, ' '), http.StatusText(a.status)...), "\r\n"...)
	for name, values := range a.header {
		if name == "Content-Length" { // what was written counts
			continue
		}
		for _, value := range values {
			b = appendHeader(b, name, value)
		}
	}
	b = append(b, "Date: "...)
	b = now.UTC().AppendFormat(b, http.TimeFormat)
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(a.body)), 10)
	if last {
		b = append(b, "\r\nConnection: close"...)
	}
	a.wire = append(append(b, "\r\n\r\n"...), a.body...)
	_, err := w.Write(a.wire)
	return err
}

// lineBreaks keeps a header's value from being taken for more than that.
var lineBreaks = strings.NewReplacer("\n", " ", "\r", " ")

func appendHeader(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, lineBreaks.Replace(value)...), "\r\n"...)
}
