package layout

import (
	"slices"
	"testing"

	"carteiro"
	"carteiro/internal/store"
)

func TestFiltersDecideWhichQueryIsRun(t *testing.T) {
	failures, either := &carteiro.StatusRange{Min: 500, Max: 599}, &carteiro.StatusRange{Min: 100, Max: 599}
	for name, test := range map[string]struct {
		list           store.ListLogs
		kind           Kind
		open, finished bool
	}{
		"no filter":                        {store.ListLogs{}, Kind{Status: WantAll}, true, true},
		"pending":                          {store.ListLogs{Status: carteiro.StatusPending}, Kind{Status: WantAll}, true, false},
		"a success of a type":              {store.ListLogs{Status: carteiro.StatusSuccess, EventType: "order"}, Kind{WantSuccess, 1, 0}, false, true},
		"answers that are failures":        {store.ListLogs{HTTP: failures}, Kind{WantFailures, 0, 1}, false, true},
		"answers that may be successes":    {store.ListLogs{HTTP: either}, Kind{WantAll, 0, 1}, false, true},
		"answers of what is being retried": {store.ListLogs{Status: carteiro.StatusRetrying, HTTP: failures}, Kind{WantRetrying, 0, 1}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if l := NewList(&test.list); l.Kind != test.kind || l.Open != test.open || l.Finished != test.finished {
				t.Errorf("%+v", l)
			}
		})
	}
	queries := NewQueries(func(k Kind) Kind { return k })
	if k := (Kind{WantFailed, 1, 1}); queries.Of(k) != k {
		t.Errorf("for %+v there is %+v", k, queries.Of(k))
	}
}

func TestAPageOfAFewIsTheNewestOfThoseBefore(t *testing.T) {
	id := func(n byte) carteiro.ID { return carteiro.ID{n} }
	all := []carteiro.ID{id(3), id(1), id(5), id(2), id(3), id(4)}
	page, total := PageOf(all, &store.ListLogs{Before: id(5), Offset: 1, Limit: 1})
	if !slices.Equal(page, []carteiro.ID{id(3), id(2)}) || total != 5 {
		t.Errorf("%v of %d", page, total)
	}
	if page, total := PageOf(page, &store.ListLogs{Offset: 9, Limit: 1}); len(page) != 0 || total != 2 {
		t.Errorf("behind the end: %v of %d", page, total)
	}
}

func TestTheFollowingIDIsTheLeastThatIsGreater(t *testing.T) {
	for from, want := range map[carteiro.ID]carteiro.ID{
		{}:                {15: 1},
		{14: 1, 15: 0xff}: {14: 2},
		{0: 1, 15: 3}:     {0: 1, 15: 4},
	} {
		if got := Following(from); got != want || !Less(from, got) {
			t.Errorf("%v is followed by %v", from, got)
		}
	}
}
