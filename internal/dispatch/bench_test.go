package dispatch_test

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
)

// recorder is a store that takes results in no time, and tells when they have come.
type recorder struct {
	store.Queue
	wg sync.WaitGroup
}

func (*recorder) Join(context.Context, store.Join) (store.Session, error) {
	return store.Session{ID: 1}, nil
}
func (*recorder) Renew(context.Context, store.Renew) error                        { return nil }
func (*recorder) EndSessions(context.Context, store.EndSessions) (int, error)     { return 0, nil }
func (*recorder) Backlog(context.Context, store.Backlog) ([]store.Waiting, error) { return nil, nil }

func (r *recorder) Record(_ context.Context, p store.Record) ([]store.Recorded, error) {
	for range p.Results {
		r.wg.Done()
	}
	return make([]store.Recorded, len(p.Results)), nil
}

// webhooks are those that are registered; nobody changes them.
type webhooks map[carteiro.ID]*carteiro.Webhook

func (w webhooks) Webhook(_ context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	return w[id], nil
}
func (webhooks) Forget(*carteiro.Webhook) {}

func (webhooks) Seen(carteiro.ID, int64, bool) {}

// delivered is the sender of receivers that answer at once.
type delivered struct{}

func (delivered) Send(_ context.Context, _ *send.Target, d *carteiro.Delivery) *carteiro.Outcome {
	return &carteiro.Outcome{Success: true, HTTPStatus: http.StatusOK, Duration: time.Millisecond, RequestBody: d.Event.Payload}
}

// What a delivery costs between being taken and being recorded: its lane, its slot, its goroutine, and the batch that it
// is recorded in. A hundred at a time, for one lane or spread over many.
func BenchmarkLanes(b *testing.B) {
	const burst = 100
	for _, lanes := range []int{1, 100, 10_000} {
		b.Run(strconv.Itoa(lanes), func(b *testing.B) {
			ids, now, registered := new(carteiro.IDSource), time.Now(), make(webhooks)
			var to []carteiro.ID
			for range lanes {
				w := &carteiro.Webhook{ID: ids.New(now), URL: "http://receiver.example/", Timeout: carteiro.DefaultTimeout, Enabled: true}
				registered[w.ID], to = w, append(to, w.ID)
			}
			r := new(recorder)
			d := dispatch.New(dispatch.Config{
				Store: r, Webhooks: registered, Sender: delivered{}, IDs: ids,
				Policy: carteiro.DefaultRetryPolicy(), Logger: slog.New(slog.DiscardHandler),
			})
			if err := d.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			defer d.Stop(context.Background())
			event := &carteiro.Event{ID: ids.New(now), Type: "event_action", Payload: []byte(`{}`)}
			made := 0
			b.ReportAllocs()
			for b.Loop() {
				places, deliveries := make([]carteiro.Place, burst), make([]*carteiro.Delivery, burst)
				for i := range deliveries {
					places[i] = carteiro.Place{WebhookID: to[made%lanes], Bytes: len(event.Payload)}
					deliveries[i] = &carteiro.Delivery{Event: event, Attempt: carteiro.Attempt{
						ID: ids.New(now), WebhookID: places[i].WebhookID, Number: 1, ChainStart: 1,
					}}
					made++
				}
				held := deliveries[:0]
				session := d.Reserve(places)
				for i, p := range places {
					if p.Held { // a lane that nothing is known of yet takes a few only
						held = append(held, deliveries[i])
					}
				}
				r.wg.Add(len(held))
				d.Take(session, held, false)
				r.wg.Wait()
			}
		})
	}
}
