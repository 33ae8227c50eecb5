package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/carteiro/carteiro"
)

// respond is a successful answer.
type answer struct {
	Success    bool   `json:"success"`
	Message    string `json:"message,omitempty"`
	Data       any    `json:"data,omitempty"`
	Meta       *page  `json:"meta,omitempty"`
	Pagination *page  `json:"pagination,omitempty"`
}

// Values of headers that stand on every answer; shared, so that they cost nothing.
var (
	headerJSON    = []string{"application/json"}
	headerYAML    = []string{"application/yaml"}
	headerNoStore = []string{"no-store"}
	headerNoSniff = []string{"nosniff"}
)

// buffers are for bodies read and written. Those that have grown beyond maxPooled are let go.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxPooled = 1 << 20

func putBuffer(p *[]byte, b []byte) {
	if cap(b) <= maxPooled {
		*p = b[:0]
		buffers.Put(p)
	}
}

// respond writes a successful answer.
func (r *request) respond(status int, a answer) error {
	a.Success = true
	return r.encode(status, a)
}

// encodeJSON gives v as encode writes it.
func encodeJSON(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'}), err
}

// encode writes v as JSON.
func (r *request) encode(status int, v any) error {
	p := buffers.Get().(*[]byte)
	buffer := bytes.NewBuffer((*p)[:0])
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	if err == nil {
		err = r.chargeResponse(buffer.Cap()) // while the client reads it
	}
	if err == nil {
		r.write(status, bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'}))
	}
	putBuffer(p, buffer.Bytes())
	return err
}

// chargeResponse charges a response of n bytes, for which memory may be reserved.
func (r *request) chargeResponse(n int) error {
	if r.reserved > 0 {
		r.keep(n)
		return nil
	}
	return r.charge(n)
}

// write sends a JSON body.
func (r *request) write(status int, body []byte) {
	r.status = status
	header := r.w.Header()
	header["Content-Type"] = headerJSON
	header["Cache-Control"] = headerNoStore
	header["X-Content-Type-Options"] = headerNoSniff
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	r.w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = r.w.Write(body) // the client has gone: there is nobody left to tell
	}
}

// timestamp is a time as the contract writes it.
type timestamp = carteiro.Timestamp

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return appendEncoded(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendEncoded is appendString for what needs escapes, or might.
func appendEncoded(b []byte, s string) []byte {
	buffer := bytes.NewBuffer(b)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string: it cannot fail
	return bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'})
}

func appendID(b []byte, id carteiro.ID) []byte {
	b, _ = id.AppendText(append(b, '"'))
	return append(b, '"')
}
