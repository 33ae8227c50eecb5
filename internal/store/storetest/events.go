package storetest

import (
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// unwanted accepts an event of the world's owner that goes to no webhook.
func (w *world) unwanted(eventType string, why carteiro.Undelivered) *carteiro.Event {
	w.t.Helper()
	event := w.newEvent(eventType)
	event.Undelivered = why
	w.accept(store.Session{}, w.item(event, store.Session{}))
	return event
}

func (w *world) listEvents(p store.ListEvents) store.EventPage {
	w.t.Helper()
	if p.EnvironmentID.IsZero() {
		p.EnvironmentID = w.owner.EnvironmentID
	}
	if p.Limit == 0 {
		p.Limit = 1000
	}
	page, err := w.ListEvents(w.t.Context(), p)
	w.ok(err)
	if len(page.Events) == 0 {
		page.Events = nil // a slice of none may be nil or not
	}
	return page
}

// summaries are events as a list has them.
func summaries(events ...*carteiro.Event) (all []*carteiro.Event) {
	for _, e := range events {
		short := *e
		short.Payload, short.TraceParent = nil, ""
		all = append(all, &short)
	}
	return all
}

// fill accepts events of all kinds, and gives them newest first.
func (w *world) fill() (all []*carteiro.Event, campaign, other store.OwnerRef) {
	hook, session := w.webhook(), w.join()
	campaign = store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.owner.ID} // the same id
	other = store.OwnerRef{EnvironmentID: w.newID(), Kind: carteiro.OwnerAgent, ID: w.owner.ID}
	for i := range 40 {
		event := w.newEvent([]string{"event_action", "event_recording", "campaign.started"}[i%3])
		switch i % 5 {
		case 1:
			event.OwnerKind, event.CampaignID, event.CampaignName = carteiro.OwnerCampaign, carteiro.ID{}, ""
		case 2:
			event.CampaignID = w.owner.ID
		}
		item := w.item(event, session)
		if i%4 == 0 && event.OwnerKind == carteiro.OwnerAgent {
			item = w.item(event, session, hook.ID)
		} else {
			event.Undelivered = carteiro.UndeliveredReasons[i%3]
		}
		w.accept(session, item)
		all = append([]*carteiro.Event{event}, all...)
		w.pass(25 * time.Minute)
		foreign := w.newEvent("event_action")
		foreign.EnvironmentID, foreign.Undelivered = other.EnvironmentID, carteiro.NoWebhook
		test := w.newEvent(carteiro.TestEvent)
		test.Test = true
		w.accept(session, w.item(foreign, session), w.item(test, session))
	}
	return all, campaign, other
}

var events = []story{
	{"one that went to no webhook is found, with the reason; one that did has none", func(w *world) {
		hook, session := w.webhook(), w.join()
		var want []*carteiro.Event
		for _, why := range carteiro.UndeliveredReasons {
			want = append([]*carteiro.Event{w.unwanted("event_action", why)}, want...)
			w.pass(time.Second)
		}
		sent := w.publish(session, hook.ID)
		equal(w.t, "undelivered", w.listEvents(store.ListEvents{Undelivered: new(true)}), store.EventPage{Events: summaries(want...), Total: 4})
		equal(w.t, "the rest", w.listEvents(store.ListEvents{Undelivered: new(false)}), store.EventPage{Events: summaries(sent.Event), Total: 1})
		equal(w.t, "all", w.listEvents(store.ListEvents{}), store.EventPage{Events: summaries(append([]*carteiro.Event{sent.Event}, want...)...), Total: 5})
		equal(w.t, "one reason", w.listEvents(store.ListEvents{Reason: carteiro.NotSubscribed}).Events[0].ID, want[2].ID)
		unexplained := w.newEvent("event_action")
		w.accept(session, w.item(unexplained, session))
		stored, err := w.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: w.owner.EnvironmentID, ID: unexplained.ID})
		w.ok(err)
		equal(w.t, "without a reason", stored.Undelivered, carteiro.UndeliveredUnknown)
	}},
	{"what a list has is what meets its filter", func(w *world) {
		all, campaign, other := w.fill()
		at := func(i int) time.Time { return all[i].AcceptedAt() }
		for i, p := range []store.ListEvents{
			{}, {Types: []string{"event_action", "campaign.started"}}, {Types: []string{"never"}}, {Undelivered: new(true)}, {Undelivered: new(false)},
			{OwnerKind: carteiro.OwnerAgent, OwnerID: w.owner.ID}, {OwnerKind: campaign.Kind, OwnerID: campaign.ID},
			{OwnerKind: campaign.Kind, OwnerID: campaign.ID, CallEvents: true}, {OwnerKind: carteiro.OwnerAgent, OwnerID: w.newID()},
			{From: at(30), To: at(5)}, {From: at(5), To: at(30)}, {Reason: carteiro.WebhooksDisabled, Types: []string{"event_action"}},
			{IDs: []carteiro.ID{all[7].ID, all[3].ID, all[7].ID, {1}}}, {IDs: []carteiro.ID{all[7].ID, all[3].ID}, Undelivered: new(true)},
			{IDs: []carteiro.ID{all[7].ID, all[6].ID, all[5].ID}, Undelivered: new(false), From: at(6)},
			{Undelivered: new(false), Reason: carteiro.NoWebhook},
		} {
			var want []*carteiro.Event
			for _, e := range all {
				named := len(p.IDs) == 0
				for _, id := range p.IDs {
					named = named || id == e.ID
				}
				in := (p.From.IsZero() || !e.AcceptedAt().Before(p.From)) && (p.To.IsZero() || e.AcceptedAt().Before(p.To))
				if named && in && eventMatches(e, &p) {
					want = append(want, e)
				}
			}
			equal(w.t, fmt.Sprint("filter ", i), w.listEvents(p), store.EventPage{Events: summaries(want...), Total: len(want)})
		}
		equal(w.t, "of another environment", w.listEvents(store.ListEvents{EnvironmentID: other.EnvironmentID}).Total, 40)
		equal(w.t, "of none", w.listEvents(store.ListEvents{EnvironmentID: w.newID()}), store.EventPage{})
	}},
	{"pages follow one another by number and by cursor, and the total is that of all of them", func(w *world) {
		all, _, _ := w.fill()
		for name, undelivered := range map[string]*bool{"all": nil, "undelivered": new(true)} {
			want := w.listEvents(store.ListEvents{Undelivered: undelivered})
			var byNumber, byCursor []*carteiro.Event
			var before carteiro.ID
			for more := true; more; {
				page := w.listEvents(store.ListEvents{Undelivered: undelivered, Limit: 7, Offset: len(byNumber)})
				equal(w.t, "total", page.Total, want.Total)
				byNumber = append(byNumber, page.Events...)
				page = w.listEvents(store.ListEvents{Undelivered: undelivered, Limit: 7, Before: before})
				equal(w.t, "total", page.Total, want.Total)
				byCursor = append(byCursor, page.Events...)
				before, more = page.Next, !page.Next.IsZero()
			}
			equal(w.t, name+" by number", byNumber, want.Events)
			equal(w.t, name+" by cursor", byCursor, want.Events)
		}
		equal(w.t, "behind the end", w.listEvents(store.ListEvents{Offset: 1000}).Events, []*carteiro.Event(nil))
		ids := []carteiro.ID{all[1].ID, all[2].ID, all[3].ID}
		page := w.listEvents(store.ListEvents{IDs: ids, Limit: 2})
		equal(w.t, "named ones", []any{page.Total, page.Next}, []any{3, ids[1]})
		page = w.listEvents(store.ListEvents{IDs: ids, Limit: 2, Before: page.Next})
		equal(w.t, "the rest of them", []any{page.Total, page.Next, page.Events[0].ID}, []any{3, carteiro.ID{}, ids[2]})
	}},
	{"a filter that matches little is looked for so far, and further by the cursor", func(w *world) {
		all, _, _ := w.fill()
		p := store.ListEvents{Types: []string{all[33].Type}, Undelivered: new(true), Reason: all[33].Undelivered, Look: 9}
		equal(w.t, "it is rare", w.listEvents(store.ListEvents{Types: p.Types, Undelivered: p.Undelivered, Reason: p.Reason}).Total > 0, true)
		var found []carteiro.ID
		for calls := 0; ; calls++ {
			page := w.listEvents(p)
			for _, e := range page.Events {
				found = append(found, e.ID)
			}
			if page.Next.IsZero() {
				equal(w.t, "calls", calls >= 3, true)
				break
			}
			equal(w.t, "more are there than were counted", page.TotalIsLowerBound, true)
			p.Before = page.Next
		}
		p.Before, p.Look = carteiro.ID{}, 0
		var want []carteiro.ID
		for _, e := range w.listEvents(p).Events {
			want = append(want, e.ID)
		}
		equal(w.t, "found", found, want)
	}},
	{"an event is read with its payload and how it stands at each webhook", func(w *world) {
		first, second, gone, session := w.webhook(), w.webhook(), w.webhook(), w.join()
		campaigns := w.newWebhook()
		event := w.newEvent("event_action")
		campaigns.OwnerKind, campaigns.OwnerID = carteiro.OwnerCampaign, event.CampaignID
		w.putOwner(ownerOf(campaigns), "Autumn")
		w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: campaigns}))
		item := w.item(event, session, first.ID, gone.ID, campaigns.ID)
		w.accept(session, item)
		w.pass(time.Second)
		at := func(i int) *carteiro.Delivery { return delivery(event, item.Attempts[i]) }
		w.fail(session, at(0), true)
		w.pass(time.Hour)
		again := w.claim(session, first.ID)[0]
		w.fail(session, again, false)
		w.succeed(session, at(1))
		w.remove(gone.ID)
		stored, err := w.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: w.owner.EnvironmentID, ID: event.ID})
		w.ok(err)
		equal(w.t, "event", stored.Event, event)
		webhook := func(id carteiro.ID) *carteiro.Webhook {
			stored, err := w.GetWebhook(w.t.Context(), id)
			w.ok(err)
			return stored
		}
		equal(w.t, "deliveries", stored.Deliveries, []store.EventDelivery{
			{Webhook: webhook(first.ID), Attempts: 2, LogID: again.ID, Status: carteiro.StatusFailed, HTTPStatus: 503},
			{Webhook: webhook(gone.ID), Attempts: 1, LogID: at(1).ID, Status: carteiro.StatusSuccess, HTTPStatus: 204},
			{Webhook: webhook(campaigns.ID), Attempts: 1, LogID: at(2).ID, Status: carteiro.StatusPending},
		})
		_ = second // it got nothing, and is not among them
	}},
	{"another environment's, a test's and one that is not there are not found", func(w *world) {
		event, test := w.unwanted("event_action", carteiro.NoWebhook), w.newEvent(carteiro.TestEvent)
		test.Test = true
		w.accept(store.Session{}, w.item(test, store.Session{}))
		for _, ref := range []store.EventRef{
			{EnvironmentID: w.newID(), ID: event.ID}, {EnvironmentID: w.owner.EnvironmentID, ID: test.ID},
			{EnvironmentID: w.owner.EnvironmentID, ID: w.newID()}, {},
		} {
			_, err := w.GetEvent(w.t.Context(), ref)
			w.wantErr(err, store.ErrNotFound)
		}
	}},
	{"those that went nowhere are purged with the others of their day", func(w *world) {
		w.unwanted("event_action", carteiro.NoWebhook)
		w.nextDay()
		before := w.now
		young := w.unwanted("event_action", carteiro.NoWebhook)
		w.pass(time.Hour)
		w.purgeAll(before)
		equal(w.t, "left", w.listEvents(store.ListEvents{}), store.EventPage{Events: summaries(young), Total: 1})
	}},
}
