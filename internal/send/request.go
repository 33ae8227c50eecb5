package send

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
)

// maxCopied is up to what size, in bytes, head and body of a request are put together, to leave in one segment and one
// TLS record.
const maxCopied = 16 << 10

// request is one as it goes out, HTTP/1.1's framing and all.
type request struct {
	wire  *[]byte     // the head; of a small request the body as well
	body  []byte      // of a large one
	shown http.Header // as the log shows them, secrets masked
}

var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, 2<<10)) }}

// request builds what is sent for a delivery.
func (s *Sender) request(t *Target, d *carteiro.Delivery, body []byte, now time.Time) request {
	const own = 13
	r := request{wire: buffers.Get().(*[]byte), shown: make(http.Header, len(t.shown)+own)}
	maps.Copy(r.shown, t.shown)
	values := make([]string, 0, own)
	wire := (*r.wire)[:0]
	wire = append(wire, t.head...)
	set := func(name, value string) {
		values = append(values, value)
		r.shown[name] = values[len(values)-1 : len(values) : len(values)]
		wire = appendHeader(wire, name, value)
	}
	// both sets what Standard Webhooks and Svix call by different names.
	both := func(standard, svix, value string) {
		if t.standard {
			set(standard, value)
		}
		if t.svix {
			set(svix, value)
		}
	}
	id := d.EventID.String()
	set(headerUserAgent, s.userAgent)
	both(headerID, svixID, id)
	both(headerTimestamp, svixTimestamp, strconv.FormatInt(now.Unix(), 10))
	set(headerEvent, d.EventType)
	set(headerAttempt, strconv.Itoa(d.Number))
	set(headerLogID, d.ID.String())
	if trace := cmp.Or(d.TraceParent, d.Event.TraceParent); trace != "" && !t.tracesItself {
		set(headerTrace, trace)
	}
	if len(t.signers) > 0 {
		var buf [256]byte
		both(headerSignature, svixSignature, string(t.appendSignatures(buf[:0], id, now, body)))
		if plain := t.signers[0].key.SignPlain(buf[:0], body); len(plain) > 0 {
			set(headerPlain, string(plain))
		}
	}
	wire = append(wire, "Content-Length: "...)
	wire = strconv.AppendInt(wire, int64(len(body)), 10)
	wire = append(wire, "\r\n\r\n"...)
	if len(wire)+len(body) <= maxCopied {
		wire = append(wire, body...)
	} else {
		r.body = body
	}
	*r.wire = wire
	return r
}

func appendHeader(wire []byte, name, value string) []byte {
	wire = append(wire, name...)
	wire = append(wire, ": "...)
	wire = append(wire, value...)
	return append(wire, "\r\n"...)
}

func (r request) size() int { return len(*r.wire) + len(r.body) }

// release gives the buffer back. Nothing may be writing it any more.
func (r request) release() { buffers.Put(r.wire) }
