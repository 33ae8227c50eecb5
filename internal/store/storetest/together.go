package storetest

import (
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

var together = []story{
	{"what many claim at once each of them gets once, and every outcome counts", func(w *world) {
		const events, workers = 120, 8
		hooks := []carteiro.ID{w.webhook().ID, w.webhook().ID}
		for range events {
			w.accept(store.Session{}, w.item(w.newEvent("event_action"), store.Session{}, hooks...))
		}
		nodes := make([]*node, workers)
		for i := range nodes {
			// Each has a world of its own, for ids and time; the store is shared.
			inner := *w
			inner.ids.n = uint64(i+1) << 32
			nodes[i] = &node{world: &inner, session: w.join(), hooks: hooks, sent: make(map[carteiro.ID]int)}
		}
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(n.work)
		}
		all.Wait()

		sent := make(map[carteiro.ID]int)
		for _, n := range nodes {
			w.ok(n.err)
			for id, times := range n.sent {
				sent[id] += times
			}
		}
		for id, times := range sent {
			if times != 1 {
				w.t.Errorf("%s was handed out %d times", id, times)
			}
		}
		// Every event has failed once at each webhook, and then succeeded.
		for _, hook := range hooks {
			for status, want := range map[carteiro.Status]int{
				"": 2 * events, carteiro.StatusFailed: events, carteiro.StatusSuccess: events,
				carteiro.StatusPending: 0, carteiro.StatusRetrying: 0,
			} {
				equal(w.t, "entries of status "+string(status), w.list(store.ListLogs{WebhookID: hook, Status: status}).Total, want)
			}
		}
		equal(w.t, "backlog", len(w.backlog()), 0)
		equal(w.t, "handed out", len(sent), 4*events)
	}},
	{"of many webhooks that come at once no more get in than their owner may have", func(w *world) {
		const most, callers = 5, 12
		gone := w.webhook() // does not count
		w.remove(gone.ID)
		results := make([]error, callers)
		var all sync.WaitGroup
		for i := range results {
			webhook := w.newWebhook()
			all.Go(func() {
				results[i] = w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: webhook, Most: most})
			})
		}
		all.Wait()
		for _, err := range results {
			if err != nil {
				w.wantErr(err, store.ErrTooMany)
			}
		}
		webhooks, err := w.ListWebhooks(w.t.Context(), w.owner)
		w.ok(err)
		equal(w.t, "webhooks", len(webhooks), most)
		w.remove(webhooks[0].ID)
		w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: w.newWebhook(), Most: most}))
		other := store.OwnerRef{EnvironmentID: w.owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: w.newID()}
		w.putOwner(other, "Autumn")
		webhook := w.newWebhook()
		webhook.OwnerKind, webhook.OwnerID = other.Kind, other.ID
		w.ok(w.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: webhook, Most: 1}))
	}},
}

// node claims and records until nothing is left; every first attempt fails.
type node struct {
	*world
	session store.Session
	hooks   []carteiro.ID
	sent    map[carteiro.ID]int
	err     error
}

func (n *node) work() {
	for left := true; left && n.err == nil; {
		left = false
		for _, hook := range n.hooks {
			var claimed store.Claimed
			claimed, n.err = n.Claim(n.t.Context(), store.Claim{
				Session: n.session, WebhookID: hook, Now: n.now, Limit: 7, MaxBytes: 1 << 20,
			})
			if n.err != nil {
				return
			}
			left = left || len(claimed.Deliveries) > 0 || !claimed.NextDue.IsZero()
			n.record(claimed.Deliveries)
		}
		n.pass(10 * time.Minute)
	}
}

func (n *node) record(deliveries []*carteiro.Delivery) {
	p := store.Record{Session: n.session, Now: n.now}
	for _, d := range deliveries {
		n.sent[d.ID]++
		r := store.Result{Delivery: d, Outcome: n.success(d)}
		if d.Number == 1 {
			r.Outcome, r.Next = n.failure(d), n.next(d)
		}
		p.Results = append(p.Results, r)
	}
	recorded, err := n.Record(n.t.Context(), p)
	for _, r := range recorded {
		if r.Lost {
			n.t.Error("an outcome was lost")
		}
	}
	n.err = err
}
