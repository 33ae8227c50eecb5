package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// filling makes a long delivery log, straight in the store and as quickly as that can take it.
type filling struct {
	site    *site
	entries int // at the webhook that is read
	others  int // at all the others
	log     io.Writer

	ids      *carteiro.IDSource
	owner    store.OwnerRef
	webhooks []carteiro.ID // the first is the one that is read
	session  store.Session
	now      time.Time
	made     int // events so far
}

// span is the time over which the entries are spread: all within the default retention.
const span = 29 * 24 * time.Hour

// failEvery is how rare a failed entry is.
const failEvery = 50

// otherWebhooks is how many webhooks share the entries that are not read.
const otherWebhooks = 100

// discardURL is where the webhooks of the log are: nobody listens there, and they have no retries.
const discardURL = "http://127.0.0.1:9/"

// fill makes the entries.
func (f *filling) fill(ctx context.Context) error {
	f.ids, f.now = new(carteiro.IDSource), time.Now()
	return f.site.with(ctx, func(db store.Store) (err error) {
		if err := f.register(ctx, db); err != nil {
			return err
		}
		f.session, err = db.Join(ctx, store.Join{Node: "bench", Now: f.now, Until: f.now.Add(24 * time.Hour)})
		if err != nil {
			return err
		}
		err = f.addAll(ctx, db)
		_, ended := db.EndSessions(ctx, store.EndSessions{Session: f.session, Now: f.now})
		return errors.Join(err, ended)
	})
}

func (f *filling) register(ctx context.Context, db store.Store) (err error) {
	began := f.now.Add(-span)
	if f.owner, err = f.site.putAgent(ctx, db, f.ids.New(began), began); err != nil {
		return err
	}
	for range 1 + otherWebhooks {
		f.webhooks = append(f.webhooks, f.ids.New(began))
	}
	return inParallel(ctx, connections, len(f.webhooks), func(ctx context.Context, i int) error {
		return db.CreateWebhook(ctx, store.CreateWebhook{Webhook: webhook(f.webhooks[i], f.owner, discardURL, began)})
	})
}

// events is how many are needed: each is for the webhook that is read, for one of the others, or for both, in turn.
func (f *filling) events() int { return max(f.entries, f.others) }

// addAll makes entries of one instant after the other. While some of them are being written the next are made.
func (f *filling) addAll(ctx context.Context, db store.Store) error {
	const step = 500 // events of an instant, in one transaction
	var mu sync.Mutex
	err := inParallel(ctx, 3, (f.events()+step-1)/step, func(ctx context.Context, _ int) error {
		mu.Lock()
		accept, record := f.next(step)
		if done := f.made / step; done%100 == 0 {
			_, _ = fmt.Fprintf(f.log, "\rfilling: %d %%", 100*f.made/f.events())
		}
		mu.Unlock()
		if _, err := db.Accept(ctx, accept); err != nil {
			return err
		}
		_, err := db.Record(ctx, record)
		return err
	})
	_, _ = fmt.Fprintf(f.log, "\rfilled: %s entries at one webhook, %s at others\n", count(f.entries), count(f.others))
	return err
}

// next makes up to count events of one instant, with their finished attempts.
func (f *filling) next(count int) (store.Accept, store.Record) {
	at := f.now.Add(-span + time.Duration(float64(span)*float64(f.made)/float64(f.events())))
	accept, record := store.Accept{Now: at, Session: f.session}, store.Record{Session: f.session, Now: at}
	for range min(count, f.events()-f.made) {
		e := &carteiro.Event{
			ID: f.ids.New(at), EnvironmentID: f.owner.EnvironmentID, OwnerKind: f.owner.Kind, OwnerID: f.owner.ID, OwnerName: "bench",
			Type: publishedType, Payload: appendEvent(nil, f.made, 500), OccurredAt: at,
		}
		if f.made%2 == 0 {
			e.Type = otherType
		}
		item := store.AcceptItem{Event: e}
		for _, webhook := range f.recipients(f.made) {
			a := store.AcceptAttempt{ID: f.ids.Sibling(e.ID), WebhookID: webhook, Trigger: carteiro.TriggerAutomatic, Held: true}
			item.Attempts = append(item.Attempts, a)
			record.Results = append(record.Results, store.Result{
				Outcome: outcome(at, e, f.made%failEvery != 0),
				Delivery: &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
					ID: a.ID, WebhookID: webhook, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: a.Trigger, DueAt: at,
				}},
			})
		}
		accept.Items = append(accept.Items, item)
		f.made++
	}
	return accept, record
}

// otherType is the type of half of the events.
const otherType = "event_recording"

// recipients are those of the nth event.
func (f *filling) recipients(n int) (to []carteiro.ID) {
	// Of all events, so many as there are to be entries, evenly spread.
	gets := func(entries int) bool { return (n+1)*entries/f.events() > n*entries/f.events() }
	if gets(f.entries) {
		to = append(to, f.webhooks[0])
	}
	if gets(f.others) {
		to = append(to, f.webhooks[1+n%otherWebhooks])
	}
	return to
}

func outcome(at time.Time, e *carteiro.Event, success bool) *carteiro.Outcome {
	o := &carteiro.Outcome{
		Success: success, HTTPStatus: http.StatusOK, FinishedAt: at, Duration: 20 * time.Millisecond,
		RequestURL: discardURL, RequestMethod: http.MethodPost, RequestBody: e.Payload, SharedTail: len(e.Payload),
		RequestHeaders:  http.Header{"Content-Type": {"application/json"}, "webhook-id": {e.ID.String()}},
		ResponseHeaders: http.Header{"Content-Type": {"text/plain"}}, ResponseBody: []byte("ok"),
	}
	if !success {
		o.HTTPStatus, o.Reason, o.Error = http.StatusInternalServerError, carteiro.ReasonHTTPStatus, "HTTP 500 Internal Server Error"
	}
	return o
}
