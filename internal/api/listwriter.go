package api

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// listWriter writes a response that is a list, item by item: a short one at once, a long one while it is made, in pieces that it
// does not hold any longer than the client takes to read them.
type listWriter struct {
	*request
	pooled  *[]byte
	buffer  *bytes.Buffer
	encoder *json.Encoder
	items   int
}

// newList begins a list. head is what stands before its first item.
func (r *request) newList(head string) *listWriter {
	l := &listWriter{request: r, pooled: buffers.Get().(*[]byte)}
	l.buffer = bytes.NewBuffer((*l.pooled)[:0])
	l.buffer.WriteString(head)
	l.encoder = json.NewEncoder(l.buffer)
	l.encoder.SetEscapeHTML(false)
	return l
}

// add adds an item. It fails when the client has gone.
func (l *listWriter) add(item any) error {
	if l.items++; l.items > 1 {
		l.buffer.WriteByte(',')
	}
	if err := l.encode(item); err != nil || l.buffer.Len() < chunkBytes {
		return err
	}
	if l.status == 0 {
		l.beginJSON()
	}
	_, err := l.w.Write(l.buffer.Bytes())
	l.buffer.Reset()
	return err
}

func (l *listWriter) encode(v any) error {
	if err := l.encoder.Encode(v); err != nil {
		return err
	}
	l.buffer.Truncate(l.buffer.Len() - 1) // the line break
	return nil
}

// end ends the response: more, if not nil, is an object that follows the list, before stands before it, and after behind it. err is
// why the list is not whole; if a part of it is sent, the connection is cut, so that the client does not take that for the whole.
func (l *listWriter) end(err error, before string, more any, after string) error {
	defer func() { putBuffer(l.pooled, l.buffer.Bytes()) }()
	if err == nil {
		l.buffer.WriteString(before)
		if more != nil {
			err = l.encode(more)
		}
		l.buffer.WriteString(after)
	}
	switch {
	case err != nil && l.status != 0:
		panic(http.ErrAbortHandler)
	case err != nil:
		return err
	case l.status == 0:
		l.write(http.StatusOK, l.buffer.Bytes())
	default:
		_, _ = l.w.Write(l.buffer.Bytes()) // the client has gone: there is nobody left to tell
	}
	return nil
}

// beginJSON sends the head of a response whose length is not known.
func (r *request) beginJSON() {
	r.status = http.StatusOK
	header := r.w.Header()
	header["Content-Type"] = headerJSON
	header["Cache-Control"] = headerNoStore
	header["X-Content-Type-Options"] = headerNoSniff
	r.w.WriteHeader(r.status)
}
