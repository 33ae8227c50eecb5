package payload_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/carteiro/carteiro/internal/payload"
)

const streamDepth = 5

// whole is what a stream of an array comes to, read at once.
func whole(text []byte, maxItem int) (items []string, err error) {
	err = payload.CheckObject(text, payload.Limits{MaxBytes: len(text) + 1, MaxDepth: streamDepth})
	switch {
	case err == nil:
		return nil, payload.ErrNotArray
	case !errors.Is(err, payload.ErrNotObject):
		return nil, err
	case bytes.TrimLeft(text, " \n\r\t")[0] != '[':
		return nil, payload.ErrNotArray
	}
	for m := payload.Walk(text); m.NextItem(); {
		if len(m.Value) > maxItem {
			items = append(items, "too large")
			continue
		}
		items = append(items, string(m.Value))
	}
	return items, io.EOF
}

func read(s *payload.Stream, next func(*payload.Stream) ([]byte, error)) (items []string, err error) {
	for {
		item, err := next(s)
		if err != nil {
			return items, err
		}
		if item == nil {
			item = []byte("too large")
		}
		items = append(items, string(item))
	}
}

// readers give a text in pieces of several sizes.
var readers = map[string]func(io.Reader) io.Reader{
	"at once": func(r io.Reader) io.Reader { return r }, "a byte": iotest.OneByteReader, "half": iotest.HalfReader, "with its end": iotest.DataErrReader,
}

func compare(t *testing.T, text []byte) {
	t.Helper()
	for _, maxItem := range []int{8, 1000} {
		want, wantErr := whole(text, maxItem)
		for name, reader := range readers {
			items, err := read(payload.NewStream(reader(bytes.NewReader(text)), make([]byte, 0, 4), maxItem, streamDepth, nil), (*payload.Stream).NextItem)
			same := errors.Is(wantErr, err)
			for _, invalid := range []error{payload.ErrInvalidJSON, payload.ErrInvalidUTF8, payload.ErrTooDeep} {
				same = same || errors.Is(err, invalid) && errors.As(wantErr, new(*payload.ObjectError)) // which fault comes first is no matter
			}
			if !same || errors.Is(err, io.EOF) && !slices.Equal(items, want) {
				t.Errorf("%q %s, items of %d:\n%q %v, want\n%q %v", text, name, maxItem, items, err, want, wantErr)
			}
		}
	}
}

var streams = []string{
	`[]`, ` [ ] `, `[1]`, `[1,2 , 3]`, `[{"a":[1,{}]},"é","\u00e9\"",true,null,-1.5e+7]`, `[[[[[]]]]]`, `[[[[[[]]]]]]`, `{}`, `{"a":1}`, `"a"`, `1`, `nul`,
	``, ` `, `[`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1]]`, `[1] x`, `[tru]`, `[truth]`, `["` + strings.Repeat("a", 50) + `",1]`, `["` + strings.Repeat("é€😀", 20) + `"]`,
	"[\"\xff\"]", "[\"\xc3\"]", "[\"\xe2\x82\"]", "[1]\xff", "[1]\x00", `[12345678,123456789]`, `[ "aaaaaa" , "aaaaaaa" ]`, `["` + strings.Repeat(`\\`, 30) + `"]`, `{"a":"` + strings.Repeat("b", 99) + `"}`,
	`[{"aaaaaaaaaaaaa":}]`, `["aaaaaaaaaaaaaaaaa\x"]`, "[\"aaaaaaaaaaaaaaaa\x01\"]", `[01]`, `[1.]`, `[-]`, `[1e]`,
}

func TestAStreamIsReadAsTheWholeIs(t *testing.T) {
	for _, text := range streams {
		compare(t, []byte(text))
	}
}

func FuzzAStreamIsReadAsTheWholeIs(f *testing.F) {
	for _, text := range streams {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { compare(t, text) })
}

func TestLinesAreReadOneByOne(t *testing.T) {
	const text = "\n {\"a\":1} \r\n\n12345678\n123456789\n\t\n\xff\nlast"
	want := []string{`{"a":1}`, "12345678", "too large", "\xff", "last"}
	for name, reader := range readers {
		items, err := read(payload.NewStream(reader(strings.NewReader(text)), nil, 8, streamDepth, nil), (*payload.Stream).NextLine)
		if !slices.Equal(items, want) || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %q, %v", name, items, err)
		}
	}
}

// endless gives the beginning of an array whose only item never ends.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, bytes.Repeat([]byte("x"), len(p)))
	if !e.begun {
		e.begun = true
		copy(p, `["`)
	}
	return n, nil
}

func TestAStreamHoldsLittleOfALargeItem(t *testing.T) {
	const maxItem = 300 << 10
	gone := errors.New("gone")
	largest := 0
	for name, next := range map[string]func(*payload.Stream) ([]byte, error){"array": (*payload.Stream).NextItem, "lines": (*payload.Stream).NextLine} {
		source := io.MultiReader(io.LimitReader(new(endless), 64<<20), iotest.ErrReader(gone))
		s := payload.NewStream(source, nil, maxItem, streamDepth, func(size int) error {
			largest = max(largest, size)
			return nil
		})
		if _, err := next(s); !errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
		if size := cap(s.Window()); size > 2*maxItem || largest > 2*maxItem {
			t.Errorf("%s: %d bytes are held, %d announced", name, size, largest)
		}
		s = payload.NewStream(new(endless), nil, maxItem, streamDepth, func(int) error { return gone })
		if _, err := next(s); !errors.Is(err, gone) {
			t.Errorf("%s: %v when there is no memory", name, err)
		}
	}
}
