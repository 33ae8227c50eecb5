package send

import (
	"bytes"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
)

// A small body leaves with its head in one piece. A large one is not copied: buffers that are kept for later requests stay small.
func TestOnlyASmallBodyIsCopied(t *testing.T) {
	s := New(egress.New(true), "1.2.3")
	defer s.Close()
	w := &carteiro.Webhook{URL: "http://192.0.2.1/", HTTPMethod: "POST"}
	target, d := Compile(w), &carteiro.Delivery{Event: new(carteiro.Event)}
	head := s.request(target, d, nil, time.Now()).size()
	room := maxCopied - head - len("1638") + len("0") - len("1") // the length of the body is written in five digits
	for _, c := range []struct {
		body   int
		copied bool
	}{{0, true}, {100, true}, {room, true}, {room + 1, false}, {1 << 20, false}} {
		body := bytes.Repeat([]byte("x"), c.body)
		r := s.request(target, d, body, time.Now())
		if copied := len(r.body) == 0; copied != c.copied || len(*r.wire) > maxCopied || r.size() != head+c.body+digits(c.body)-1 {
			t.Errorf("%d bytes: copied %v, %d bytes in front, %d in all", c.body, copied, len(*r.wire), r.size())
		}
		if !bytes.HasSuffix(append(bytes.Clone(*r.wire), r.body...), append([]byte("\r\n\r\n"), body...)) {
			t.Errorf("%d bytes: the request does not end with its body", c.body)
		}
	}
}

func digits(n int) (count int) {
	for count = 1; n >= 10; n /= 10 {
		count++
	}
	return count
}
