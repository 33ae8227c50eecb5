package sqlite

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Other databases drop whole days at once; here each row takes time from those who publish.
func TestPurgeGoesInBoundedSteps(t *testing.T) {
	s := openTemp(t)
	now := time.Date(2025, 9, 3, 12, 0, 0, 0, time.UTC)
	session, err := s.Join(t.Context(), store.Join{Now: now, Until: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	ids, webhook := new(carteiro.IDSource), carteiro.ID{1}
	for range 30 {
		e := &carteiro.Event{ID: ids.New(now), Type: "event_action", Payload: []byte("{}")}
		d := &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{ID: ids.Sibling(e.ID), WebhookID: webhook}}
		first := store.AcceptAttempt{ID: d.ID, WebhookID: webhook, Trigger: carteiro.TriggerAutomatic, Held: true}
		if _, err := s.Accept(t.Context(), store.Accept{Now: now, Session: session, Items: []store.AcceptItem{{Event: e, Attempts: []store.AcceptAttempt{first}}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Record(t.Context(), store.Record{Session: session, Now: now, Results: []store.Result{{Delivery: d, Outcome: &carteiro.Outcome{Success: true}}}}); err != nil {
			t.Fatal(err)
		}
	}
	for left, more := 30, true; more; {
		if more, err = s.Purge(t.Context(), store.Purge{Now: now, Before: now.Add(time.Hour), Limit: 7}); err != nil {
			t.Fatal(err)
		}
		page, err := s.ListLogs(t.Context(), store.ListLogs{WebhookID: webhook, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if left-page.Total > 7 || !more && page.Total > 0 {
			t.Fatalf("%d entries before a step, %d after, more %v", left, page.Total, more)
		}
		left = page.Total
	}
}
