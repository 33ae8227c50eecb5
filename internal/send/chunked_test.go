package send

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// A chunked body that breaks off ends with an error within a few reads, wherever it breaks off: nothing waits for the rest of it.
func TestAChunkedBodyThatBreaksOffEndsWithAnError(t *testing.T) {
	const whole = "4\r\nhalf\r\n6;x=y\r\nsecond\r\n0\r\nX-Sum: 1\r\n\r\n"
	content := "half" + "second"
	for cut := range len(whole) + 1 {
		body := &chunked{r: bufio.NewReader(strings.NewReader(whole[:cut]))}
		want := errBrokenBody
		if cut == len(whole) {
			want = io.EOF
		}
		var err error
		var read strings.Builder
		for reads := 0; err == nil; reads++ {
			if reads == 100 {
				t.Fatalf("cut after %d bytes: no end after %d reads", cut, reads)
			}
			var p [3]byte
			var n int
			n, err = body.Read(p[:])
			read.Write(p[:n])
		}
		if !errors.Is(err, want) || !strings.HasPrefix(content, read.String()) {
			t.Errorf("cut after %d bytes: %q, %v; want %v", cut, read.String(), err, want)
		}
	}
}
