package headers

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHeadersAreReadBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := http.Header(rapid.MapOf(rapid.String(), rapid.OneOf(
			rapid.SliceOf(rapid.String()), rapid.Just([]string(nil)), rapid.Just([]string{strings.Repeat("x", 300)}),
		)).Draw(t, "headers"))
		if rapid.Bool().Draw(t, "nil") {
			want = nil
		}
		got, err := Decode(Encode(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, %v, want %#v", got, err, want)
		}
	})
}

func TestDamagedHeadersAreToldNotBelieved(t *testing.T) {
	whole := Encode(http.Header{"A": {"one", "two"}, "B": nil})
	for n := range whole {
		if _, err := Decode(whole[:n]); err == nil {
			t.Errorf("the first %d bytes were believed", n)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		_, _ = Decode(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) // whatever it says, it says something
	})
}
