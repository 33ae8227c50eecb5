package payload_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/carteiro/carteiro/internal/payload"
)

func TestCheckObjectTakesObjects(t *testing.T) {
	for _, text := range []string{
		`{}`, " \t\r\n{ \n} ", `{"a":null,"b":true,"c":false}`, `{"a":[],"b":[[],{}],"c":{"d":{}}}`,
		`{"a":0,"b":-0,"c":-1.5e+10,"d":1E-2,"e":10,"f":0.0,"g":12345678901234567890123456789}`,
		`{"a":"","b":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00","c":"é😀` + "\u2028\x7f" + `"}`,
		`{"half a pair":"\ud83d","a":1,"a":2,"":3}`,
		`{"a":"` + strings.Repeat("x", 1000) + `\n` + strings.Repeat("é", 1000) + `"}`,
		nested(64),
		`{"a":"` + strings.Repeat("x", payload.DefaultMaxBytes-8) + `"}`,
	} {
		if err := payload.CheckObject([]byte(text), payload.Limits{}); err != nil {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

// nested gives an object in which depth objects and arrays stand inside one another, by turns.
func nested(depth int) string {
	text := `1`
	for i := depth; i > 0; i-- {
		if i%2 == 0 {
			text = `[` + text + `]`
		} else {
			text = `{"a":` + text + `}`
		}
	}
	return text
}

func TestCheckObjectSaysWhatIsWrongAndWhere(t *testing.T) {
	tests := []struct {
		name, text string
		limits     payload.Limits
		want       error
		offset     int
	}{
		{"empty", "", payload.Limits{}, payload.ErrInvalidJSON, 0},
		{"only space", " \n", payload.Limits{}, payload.ErrInvalidJSON, 2},
		{"a word", "hello", payload.Limits{}, payload.ErrInvalidJSON, 0},
		{"byte order mark", "\ufeff{}", payload.Limits{}, payload.ErrInvalidJSON, 0},
		{"other white space", "{\v}", payload.Limits{}, payload.ErrInvalidJSON, 1},
		{"nul", "{}\x00", payload.Limits{}, payload.ErrInvalidJSON, 2},
		{"not closed", `{"a":1`, payload.Limits{}, payload.ErrInvalidJSON, 6},
		{"two values", `{} {}`, payload.Limits{}, payload.ErrInvalidJSON, 3},
		{"closed wrongly", `{"a":[1}`, payload.Limits{}, payload.ErrInvalidJSON, 7},
		{"trailing comma", `{"a":1,}`, payload.Limits{}, payload.ErrInvalidJSON, 7},
		{"trailing comma in an array", `{"a":[1,]}`, payload.Limits{}, payload.ErrInvalidJSON, 8},
		{"leading comma", `{,"a":1}`, payload.Limits{}, payload.ErrInvalidJSON, 1},
		{"no colon", `{"a" 1}`, payload.Limits{}, payload.ErrInvalidJSON, 5},
		{"no value", `{"a":}`, payload.Limits{}, payload.ErrInvalidJSON, 5},
		{"no comma", `{"a":1 "b":2}`, payload.Limits{}, payload.ErrInvalidJSON, 7},
		{"name without quotes", `{a:1}`, payload.Limits{}, payload.ErrInvalidJSON, 1},
		{"single quotes", `{'a':1}`, payload.Limits{}, payload.ErrInvalidJSON, 1},
		{"comment", `{} // x`, payload.Limits{}, payload.ErrInvalidJSON, 3},
		{"word misspelt", `{"a":nul}`, payload.Limits{}, payload.ErrInvalidJSON, 5},
		{"word too long", `{"a":truest}`, payload.Limits{}, payload.ErrInvalidJSON, 9},
		{"NaN", `{"a":NaN}`, payload.Limits{}, payload.ErrInvalidJSON, 5},
		{"leading zero", `{"a":01}`, payload.Limits{}, payload.ErrInvalidJSON, 6},
		{"plus", `{"a":+1}`, payload.Limits{}, payload.ErrInvalidJSON, 5},
		{"only a minus", `{"a":-}`, payload.Limits{}, payload.ErrInvalidJSON, 6},
		{"dot without digits", `{"a":1.}`, payload.Limits{}, payload.ErrInvalidJSON, 7},
		{"dot in front", `{"a":.5}`, payload.Limits{}, payload.ErrInvalidJSON, 5},
		{"exponent without digits", `{"a":1e+}`, payload.Limits{}, payload.ErrInvalidJSON, 8},
		{"string not closed", `{"a`, payload.Limits{}, payload.ErrInvalidJSON, 3},
		{"string closed by its escape", `{"a\"`, payload.Limits{}, payload.ErrInvalidJSON, 5},
		{"unknown escape", `{"\x61":1}`, payload.Limits{}, payload.ErrInvalidJSON, 3},
		{"short escape", `{"\u00e":1}`, payload.Limits{}, payload.ErrInvalidJSON, 7},
		{"line end in a string", "{\"0123456789\n\":1}", payload.Limits{}, payload.ErrInvalidJSON, 12},
		{"an array", ` [1]`, payload.Limits{}, payload.ErrNotObject, 1},
		{"a string", `"{}"`, payload.Limits{}, payload.ErrNotObject, 0},
		{"a number", `1`, payload.Limits{}, payload.ErrNotObject, 0},
		{"null", `null`, payload.Limits{}, payload.ErrNotObject, 0},
		{"invalid utf-8", "{\"a\":\"é\xff\"}", payload.Limits{}, payload.ErrInvalidUTF8, 8},
		{"surrogate in utf-8", "{\"a\":\"\xed\xa0\x80\"}", payload.Limits{}, payload.ErrInvalidUTF8, 6},
		{"utf-16", "{\x00}\x00", payload.Limits{}, payload.ErrInvalidJSON, 1},
		{"one level too deep", nested(65), payload.Limits{}, payload.ErrTooDeep, 32*5 + 32},
		{"far too deep, never closed", `{"a":` + strings.Repeat("[", 200_000), payload.Limits{}, payload.ErrTooDeep, 5 + 63},
		{"deeper than its own limit", `{"a":{}}`, payload.Limits{MaxDepth: 1}, payload.ErrTooDeep, 5},
		{"one byte too large", `{"a":1} `, payload.Limits{MaxBytes: 7}, payload.ErrTooLarge, 7},
		{"larger than the default", strings.Repeat(" ", payload.DefaultMaxBytes) + "{", payload.Limits{}, payload.ErrTooLarge, 256 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := payload.CheckObject([]byte(tt.text), tt.limits)
			var fault *payload.ObjectError
			if !errors.As(err, &fault) || !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if fault.Offset != tt.offset {
				t.Errorf("got the offset %d, want %d", fault.Offset, tt.offset)
			}
		})
	}
}

func TestAnObjectErrorNamesTheFaultAndItsPlace(t *testing.T) {
	err := payload.CheckObject([]byte(`{"a":1,}`), payload.Limits{})
	if err == nil || err.Error() != "not valid JSON (at byte 7)" {
		t.Errorf("got %v", err)
	}
}

func TestCheckObjectAllocatesNothing(t *testing.T) {
	text := []byte(nested(64))
	if n := testing.AllocsPerRun(100, func() { _ = payload.CheckObject(text, payload.Limits{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCheckObjectAgreesWithTheStandardLibrary(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":[1,-2.5e+3,true,null,"\u00e9\n"]}`, "[\"0123456\x01\"]", `"\ud800"`, ` nul`, `{"a":"01234567\"89"}`, "\"\xff\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := payload.CheckObject(text, payload.Limits{MaxBytes: 1 << 30, MaxDepth: 10_000})
		valid := json.Valid(text) && utf8.Valid(text)
		if ours := err == nil || errors.Is(err, payload.ErrNotObject); ours != valid {
			t.Fatalf("%q: got %v, the standard library says %v", text, err, valid)
		}
		var object map[string]json.RawMessage
		if isObject := valid && json.Unmarshal(text, &object) == nil && object != nil; isObject != (err == nil) {
			t.Fatalf("%q: got %v, and it is an object: %v", text, err, isObject)
		}
	})
}
