package headers

import (
	"encoding/binary"
	"net/http"
	"reflect"
	"slices"
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

func TestEqualHeadersGiveEqualBytes(t *testing.T) {
	names := []string{"A", "B", "C", "D", "E", "F", "G", "H"}
	one, other := make(http.Header), make(http.Header)
	for i := range names {
		one[names[i]] = []string{"x"}
		other[names[len(names)-1-i]] = []string{"x"}
	}
	first := Encode(one)
	for range 20 { // maps are gone through in another order each time
		if got := Encode(other); string(got) != string(first) {
			t.Fatalf("got %q and %q", got, first)
		}
	}
}

func TestWhatIsNoHeaderIsDamage(t *testing.T) {
	whole := Encode(http.Header{"A": {"one"}})
	for name, b := range map[string][]byte{
		"nothing at all":              {},
		"more behind it":              append(slices.Clone(whole), 0),
		"a count beyond all bounds":   binary.AppendUvarint([]byte{1, 1, 'A'}, 1<<62),
		"a name longer than the rest": {1, 9, 'A'},
		"a number cut off":            {0x80},
		"a last value cut off":        {1, 1, 'A', 2, 1},
		"a count of values too large": {1, 1, 'A', 9, 0},
	} {
		if h, err := Decode(b); err == nil {
			t.Errorf("%s: read as %v", name, h)
		}
	}
	if h, err := Decode(nil); h != nil || err != nil {
		t.Errorf("no headers were read as %v, %v", h, err)
	}
}

// Decode does not trust a count before the bytes are there: 2^31 names would take the memory for as many.
func TestDamagedCountsCostNoMemory(t *testing.T) {
	for _, b := range [][]byte{
		binary.AppendUvarint([]byte{1, 1, 'A'}, 1<<62), // values
		binary.AppendUvarint([]byte{1, 1, 'A', 2}, 1<<31),
		binary.AppendUvarint(nil, 1<<31), // names
	} {
		if allocs := testing.AllocsPerRun(10, func() {
			if h, err := Decode(b); err == nil {
				t.Errorf("%v: read as %v", b, h)
			}
		}); allocs > 5 {
			t.Errorf("%v: %v allocations", b, allocs)
		}
	}
}

// Encode reserves room for everything at once, as it runs for each delivery.
func TestEncodingAllocatesOnce(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, h := range map[string]http.Header{
		"long names":  {long: nil, long + "1": nil, long + "2": nil},
		"long values": {"A": {long, long}, "B": {long}},
	} {
		if allocs := testing.AllocsPerRun(10, func() { Encode(h) }); allocs != 1 {
			t.Errorf("%s: %v allocations, want 1", name, allocs)
		}
	}
}
