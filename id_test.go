package carteiro_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
)

var noon = time.Date(2025, 9, 3, 12, 0, 0, 123_456_000, time.UTC)

func TestIDsAreVersion7AndReadBackAsWritten(t *testing.T) {
	var source carteiro.IDSource
	for range 1000 {
		id := source.New(noon)
		text := id.String()
		if text[14] != '7' || !strings.ContainsRune("89ab", rune(text[19])) {
			t.Fatalf("%s is no version 7 of RFC 9562's variant", text)
		}
		for _, spelling := range []string{text, strings.ToUpper(text)} {
			if again, err := carteiro.ParseID(spelling); err != nil || again != id {
				t.Fatalf("ParseID(%q) = %v, %v", spelling, again, err)
			}
		}
	}
}

func TestIDsGrowAsTheyAreMade(t *testing.T) {
	var source carteiro.IDSource
	// The clock stands still, goes on, and is set back an hour.
	clock := []time.Time{noon, noon, noon.Add(time.Microsecond), noon.Add(time.Second), noon.Add(-time.Hour), noon.Add(2 * time.Second)}
	var ids []string
	for _, now := range clock {
		for range 5000 {
			ids = append(ids, source.New(now).String())
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 30_000 {
		t.Error("the ids are not in order, or some are the same")
	}
}

func TestIDsStayDistinctAcrossGoroutines(t *testing.T) {
	var source carteiro.IDSource
	var mu sync.Mutex
	seen := make(map[carteiro.ID]bool)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				id := source.New(noon)
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 8000 {
		t.Errorf("%d distinct ids of 8000", len(seen))
	}
}

func TestAnIDCarriesItsTimeToTheMicrosecond(t *testing.T) {
	for micro := range 2000 {
		at := noon.Add(time.Duration(micro) * time.Microsecond)
		var source carteiro.IDSource
		if got := source.New(at).Time(); !got.Equal(at) {
			t.Fatalf("made at %v, carries %v", at, got)
		}
		if got := carteiro.MinID(at).Time(); !got.Equal(at) {
			t.Fatalf("MinID(%v) carries %v", at, got)
		}
	}
}

func TestMinIDPartsWhatWasMadeBeforeFromWhatWasMadeAfter(t *testing.T) {
	for micro := range 2000 {
		at := noon.Add(time.Duration(micro) * time.Microsecond)
		var before, after carteiro.IDSource
		least := carteiro.MinID(at).String()
		if made := before.New(at.Add(-time.Microsecond)).String(); made >= least {
			t.Fatalf("an id made before %v does not sort below its MinID", at)
		}
		if made := after.New(at).String(); made < least {
			t.Fatalf("an id made at %v sorts below its MinID", at)
		}
	}
	if !carteiro.MinID(time.Time{}).IsZero() {
		t.Error("a time before 1970 has a MinID other than zero")
	}
}

func TestSiblingsShareTheirTimeAndNothingElse(t *testing.T) {
	var source carteiro.IDSource
	id := source.New(noon)
	other := source.New(noon)
	for range 100 {
		sibling := source.Sibling(id)
		if sibling == id || !sibling.Time().Equal(id.Time()) {
			t.Fatalf("%s is no sibling of %s", sibling, id)
		}
		if s := sibling.String(); s < id.MinSibling().String() || s > id.MaxSibling().String() {
			t.Fatalf("%s lies outside the bounds of its siblings", s)
		}
		if s := other.String(); s >= id.MinSibling().String() && s <= id.MaxSibling().String() {
			t.Fatalf("%s of another tick lies within the bounds", s)
		}
	}
}

func TestWhatIsNoUUIDIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "0", strings.Repeat("0", 36), "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
		"{0000000-0000-0000-0000-000000000000", "0000000g-0000-0000-0000-000000000000", "00000000_0000_0000_0000_000000000000",
		"00000000_0000-0000-0000-000000000000", "00000000-0000_0000-0000-000000000000", "00000000-0000-0000_0000-000000000000",
		"00000000-0000-0000-0000_000000000000",
		"urn:uuid:00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-0000000000é",
	} {
		if _, err := carteiro.ParseID(text); !errors.Is(err, carteiro.ErrInvalidID) {
			t.Errorf("ParseID(%q) = %v", text, err)
		}
	}
}

func TestAnIDIsReadFromJSON(t *testing.T) {
	want := new(carteiro.IDSource).New(noon)
	var got carteiro.ID
	if err := json.Unmarshal([]byte(`"`+want.String()+`"`), &got); err != nil || got != want {
		t.Errorf("read %v, %v, want %v", got, err, want)
	}
	if err := json.Unmarshal([]byte(`"x"`), &got); !errors.Is(err, carteiro.ErrInvalidID) {
		t.Errorf("read %v, %v", got, err)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := carteiro.ParseID(text)
		if err == nil && id.String() != strings.ToLower(text) {
			t.Errorf("ParseID(%q).String() = %q", text, id)
		}
	})
}

// A clock that is set back is not followed back: time goes on at half its pace until the clock has caught up.
func TestTheTimeOfIDsNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jump time.Duration
		ids := &carteiro.IDSource{Jump: func() time.Duration { return jump }}
		begun := ids.Now()
		if !begun.Equal(time.Now()) {
			t.Errorf("%s, want the clock's time", begun)
		}
		jump = -time.Hour
		for minute := range 240 {
			time.Sleep(time.Minute)
			passed := time.Duration(minute+1) * time.Minute
			if got, want := ids.Now().Sub(begun), max(passed/2, passed-time.Hour); got != want {
				t.Fatalf("%s after it was set back %s have passed, want %s", passed, got, want)
			}
		}
		jump = time.Hour
		if got := ids.Now().Sub(begun); got != 5*time.Hour {
			t.Errorf("set ahead: %s have passed, want 5h", got)
		}
		before := ids.New(ids.Now())
		jump = 0
		if after := ids.New(ids.Now()); bytes.Compare(before[:], after[:]) >= 0 || after.Time().Sub(before.Time()) > time.Millisecond {
			t.Errorf("ids %s and then %s", before, after)
		}
	})
}
