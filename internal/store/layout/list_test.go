package layout

import (
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
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
		"a failure":                        {store.ListLogs{Status: carteiro.StatusFailed}, Kind{Status: WantFailed}, false, true},
		"a failure of no test":             {store.ListLogs{Status: carteiro.StatusFailed, NoTests: true}, Kind{Status: WantFailedEvents}, false, true},
		"a success, and no test":           {store.ListLogs{Status: carteiro.StatusSuccess, NoTests: true}, Kind{Status: WantSuccess}, false, true},
		"answers that are failures":        {store.ListLogs{HTTP: failures}, Kind{WantFailures, 0, 1}, false, true},
		"answers that may be successes":    {store.ListLogs{HTTP: either}, Kind{WantAll, 0, 1}, false, true},
		"answers of what is being retried": {store.ListLogs{Status: carteiro.StatusRetrying, HTTP: failures}, Kind{WantRetrying, 0, 1}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewList(&test.list)
			if l.Kind != test.kind || l.Open != test.open || l.Finished != test.finished || l.NoTests() != (test.kind.Status == WantFailedEvents) {
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

func TestAnAttemptMatchesAListByEveryFilter(t *testing.T) {
	const success, failed = carteiro.StatusSuccess, carteiro.StatusFailed
	hour := &store.ListLogs{WebhookID: hook, EventType: "order", HTTP: &carteiro.StatusRange{Min: 200, Max: 299}, From: noon, To: noon.Add(time.Hour)}
	for name, test := range map[string]struct {
		list         *store.ListLogs
		want, status carteiro.Status
		at           time.Time
		eventType    string
		http         int
		matches      bool
	}{
		"all of them":           {hour, success, success, noon, "order", 200, true},
		"no filter":             {new(store.ListLogs), "", failed, noon, "call", -1, true},
		"any status":            {hour, "", failed, noon, "order", 200, true},
		"another status":        {hour, success, failed, noon, "order", 200, false},
		"another type":          {hour, success, success, noon, "call", 200, false},
		"another answer":        {hour, success, success, noon, "order", 500, false},
		"too early":             {hour, success, success, noon.Add(-time.Second), "order", 200, false},
		"just before the end":   {hour, success, success, noon.Add(time.Hour - time.Second), "order", 200, true},
		"at the end":            {hour, success, success, noon.Add(time.Hour), "order", 200, false},
		"any type, and too old": {&store.ListLogs{From: noon}, "", failed, noon.Add(-time.Hour), "call", -1, false},
	} {
		l := NewList(test.list)
		if got := l.Matches(test.want, test.status, carteiro.MinID(test.at), test.eventType, test.http); got != test.matches || l.Webhook != test.list.WebhookID {
			t.Errorf("%s: matches %v", name, got)
		}
	}
}

// Only a range without a 2xx says that an attempt has failed.
func TestARangeOfAnswersMayHoldASuccess(t *testing.T) {
	for r, failures := range map[carteiro.StatusRange]bool{
		{Min: 100, Max: 199}: true, {Min: 100, Max: 200}: false, {Min: 299, Max: 500}: false, {Min: 300, Max: 500}: true,
	} {
		if onlyFailures(r) != failures {
			t.Errorf("%+v holds failures alone: %v", r, !failures)
		}
	}
}

func TestAPageWithoutACursorIsOfAll(t *testing.T) {
	if page, total := PageOf([]carteiro.ID{{1}, {2}}, &store.ListLogs{Limit: 2}); len(page) != 2 || total != 2 {
		t.Errorf("%v of %d", page, total)
	}
}
