package storetest

import (
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Events and their replays in random histories.

func (h *history) askEvents() {
	p := store.ListEvents{
		EnvironmentID: h.owner.EnvironmentID, Limit: 1 + h.random.IntN(10), Offset: h.random.IntN(2) * h.random.IntN(30), Look: 1 + h.random.IntN(60),
		Undelivered: one(h, []*bool{nil, nil, new(true), new(false)}),
	}
	if h.random.IntN(3) == 0 {
		p.Types = []string{"event_action", "event_rare"}[h.random.IntN(2):]
	}
	if h.random.IntN(3) == 0 {
		p.OwnerKind, p.OwnerID = h.owner.Kind, h.owner.ID
	}
	if h.random.IntN(3) == 0 {
		p.From = h.now.Add(-h.pick(time.Second, time.Hour, 50*time.Hour))
	}
	if h.random.IntN(4) == 0 {
		p.To = h.now.Add(-h.pick(time.Second, time.Hour))
	}
	if h.random.IntN(4) == 0 {
		p.Reason = one(h, carteiro.UndeliveredReasons)
	}
	if h.random.IntN(3) == 0 {
		p.Before = one(h, h.events)
	}
	if h.random.IntN(6) == 0 {
		p.IDs = []carteiro.ID{one(h, h.events), one(h, h.events), one(h, h.events)}
	}
	h.askEventList(p)
}

func (h *history) askEventList(p store.ListEvents) {
	h.t.Helper()
	got, err := h.ListEvents(h.t.Context(), p)
	want, wantErr := h.model.ListEvents(h.t.Context(), p)
	if len(got.Events)+len(want.Events) == 0 {
		got.Events, want.Events = nil, nil
	}
	h.what = "events " + show(p)
	h.both(got, want, err, wantErr)
}

func (h *history) beginReplay() {
	p := store.CreateBulkRetry{
		OwnerRef: h.owner, ID: h.newID(), WebhookID: one(h, h.webhooks), Matched: h.random.IntN(100), Now: h.now,
		Replay: &carteiro.ReplayFilter{Undelivered: h.random.IntN(2) == 0, CallEvents: h.random.IntN(2) == 0},
	}
	if h.random.IntN(3) == 0 {
		p.Replay.EventTypes = []string{"event_action"}
	}
	if h.random.IntN(4) == 0 {
		p.Replay.From, p.Replay.To = h.now.Add(-h.pick(time.Hour, 50*time.Hour)), h.now.Add(-time.Second)
	}
	if h.random.IntN(5) == 0 {
		p.Replay.EventIDs = []carteiro.ID{one(h, h.events), one(h, h.events)}
		slices.SortFunc(p.Replay.EventIDs, compareIDs)
	}
	got, err := h.CreateBulkRetry(h.t.Context(), p)
	want, wantErr := h.model.CreateBulkRetry(h.t.Context(), p)
	h.both(got, want, err, wantErr)
	h.bulk = append(h.bulk, store.BulkRef{WebhookID: p.WebhookID, ID: p.ID})
}

// askEveryEvent asks for every event with what has become of it, and for every list of them.
func (h *history) askEveryEvent() {
	for _, id := range h.events {
		h.what = "event " + id.String()
		ref := store.EventRef{EnvironmentID: h.owner.EnvironmentID, ID: id}
		got, err := h.GetEvent(h.t.Context(), ref)
		want, wantErr := h.model.GetEvent(h.t.Context(), ref)
		h.both(got, want, err, wantErr)
	}
	for _, undelivered := range []*bool{nil, new(true), new(false)} {
		h.askEventList(store.ListEvents{EnvironmentID: h.owner.EnvironmentID, Undelivered: undelivered, Limit: 1000})
	}
}
