package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// bulkWorld is a real store with a webhook whose deliveries have failed, in simulated time.
type bulkWorld struct {
	t       *testing.T
	store   *faultyStore
	ids     *carteiro.IDSource
	owner   store.OwnerRef
	webhook carteiro.ID
	noticed atomic.Int64 // how often the lanes were told
	doubted atomic.Int64 // how often the lanes were told that there may be attempts
}

// faultyStore can be taken down, and can leave calls that it carries out unanswered.
type faultyStore struct {
	store.Store
	down, silent atomic.Bool
}

func (s *faultyStore) StepBulkRetry(ctx context.Context, p store.StepBulkRetry) (store.BulkStep, error) {
	if s.down.Load() {
		return store.BulkStep{}, errors.New("the test took the store down")
	}
	step, err := s.Store.StepBulkRetry(ctx, p)
	if s.silent.Load() {
		return store.BulkStep{}, store.ErrUnavailable
	}
	return step, err
}

// Notice implements jobs.Lanes.
func (w *bulkWorld) Notice(_ time.Time, webhooks ...carteiro.ID) {
	if len(webhooks) != 1 || webhooks[0] != w.webhook {
		w.t.Errorf("the lanes were told of %v", webhooks)
	}
	w.noticed.Add(1)
}

// Doubt implements jobs.Lanes.
func (w *bulkWorld) Doubt(error) { w.doubted.Add(1) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newBulkWorld(t *testing.T, failed int) *bulkWorld {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	w := &bulkWorld{t: t, store: &faultyStore{Store: s}, ids: new(carteiro.IDSource)}
	now := time.Now()
	w.owner = store.OwnerRef{EnvironmentID: w.ids.New(now), Kind: carteiro.OwnerAgent, ID: w.ids.New(now)}
	_, _, err = s.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{
		EnvironmentID: w.owner.EnvironmentID, Kind: w.owner.Kind, ID: w.owner.ID, Name: "Ana", CreatedAt: now, UpdatedAt: now,
	}})
	must(t, err)
	w.webhook = w.ids.New(now)
	must(t, s.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: &carteiro.Webhook{
		ID: w.webhook, EnvironmentID: w.owner.EnvironmentID, OwnerKind: w.owner.Kind, OwnerID: w.owner.ID, Enabled: true, CreatedAt: now, UpdatedAt: now,
	}}))
	session, err := s.Join(t.Context(), store.Join{Node: "test", Now: now, Until: now.Add(time.Hour)})
	must(t, err)
	accept, record := store.Accept{Now: now, Session: session}, store.Record{Session: session, Now: now}
	for range failed {
		event := &carteiro.Event{ID: w.ids.New(now), EnvironmentID: w.owner.EnvironmentID, OwnerKind: w.owner.Kind, OwnerID: w.owner.ID, Type: "x"}
		first := store.AcceptAttempt{ID: w.ids.Sibling(event.ID), WebhookID: w.webhook, Trigger: carteiro.TriggerAutomatic, Held: true}
		accept.Items = append(accept.Items, store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{first}})
		record.Results = append(record.Results, store.Result{
			Delivery: &carteiro.Delivery{Event: event, Attempt: carteiro.Attempt{ID: first.ID, WebhookID: w.webhook}},
			Outcome:  &carteiro.Outcome{Reason: carteiro.ReasonTimeout, Error: "Connection timeout", FinishedAt: now},
		})
	}
	_, err = s.Accept(t.Context(), accept)
	must(t, err)
	_, err = s.Record(t.Context(), record)
	must(t, err)
	time.Sleep(time.Second)
	return w
}

// node starts one more runner on the store. It ends with the test.
func (w *bulkWorld) node(rate int) *jobs.BulkRunner {
	r := jobs.NewBulkRunner(jobs.BulkConfig{
		Store: w.store, Lanes: w, IDs: w.ids, Logger: slog.New(slog.DiscardHandler), Retention: time.Hour, Rate: rate,
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	w.t.Cleanup(func() {
		stop()
		<-ended
	})
	return r
}

func (w *bulkWorld) begin(r *jobs.BulkRunner) store.BulkRef {
	w.t.Helper()
	job, err := r.Begin(w.t.Context(), w.owner, w.webhook, carteiro.BulkFilter{}, nil, nil, nil)
	must(w.t, err)
	return store.BulkRef{WebhookID: w.webhook, ID: job.ID}
}

func (w *bulkWorld) job(ref store.BulkRef) carteiro.BulkRetry {
	w.t.Helper()
	job, err := w.store.GetBulkRetry(w.t.Context(), ref)
	must(w.t, err)
	return job
}

func TestAJobKeepsToItsRateHoweverManyNodesThereAre(t *testing.T) {
	for name, test := range map[string]struct{ rate, nodes, entries int }{
		"one node": {50, 1, 500}, "many nodes": {50, 5, 500}, "a slow one": {2, 3, 20}, "a quick one": {1000, 2, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newBulkWorld(t, test.entries)
				r := w.node(test.rate)
				for range test.nodes - 1 {
					w.node(test.rate)
				}
				job := w.begin(r)
				for begun := time.Now(); !w.job(job).Status.Ended(); time.Sleep(time.Second) {
					passed := time.Since(begun)
					retried, most := w.job(job).Retried, int(passed.Seconds()+1)*test.rate
					if least := min(test.entries, int(passed.Seconds()*0.8*float64(test.rate))-test.rate); retried > most || retried < least {
						t.Errorf("%d are retried after %s, want %d to %d", retried, passed, least, most)
					}
				}
				if j := w.job(job); j.Status != carteiro.BulkDone || j.Retried != test.entries || j.Matched != test.entries || w.noticed.Load() == 0 {
					t.Errorf("%+v; the lanes were told %d times", j, w.noticed.Load())
				}
				list, err := w.store.ListLogs(t.Context(), store.ListLogs{WebhookID: w.webhook, Status: carteiro.StatusPending})
				if must(t, err); list.Total != test.entries {
					t.Errorf("%d attempts were opened", list.Total)
				}
			})
		})
	}
}

func TestAJobThatWasBegunElsewhereIsTakenOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBulkWorld(t, 10)
		idle := jobs.NewBulkRunner(jobs.BulkConfig{Store: w.store, Lanes: w, IDs: w.ids, Logger: slog.New(slog.DiscardHandler), Retention: time.Hour})
		w.node(0)
		time.Sleep(time.Minute)
		job := w.begin(idle)
		time.Sleep(6 * time.Second)
		if got := w.job(job).Status; got != carteiro.BulkDone {
			t.Errorf("it is %s", got)
		}
	})
}

func TestAPausedJobWaitsAndGoesOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBulkWorld(t, 100)
		r := w.node(50)
		job := w.begin(r)
		time.Sleep(time.Second / 2)
		paused, err := r.Change(t.Context(), job, carteiro.BulkPaused, nil)
		must(t, err)
		time.Sleep(time.Hour / 2)
		if got := w.job(job); got.Retried != paused.Retried || got.Retried == 0 {
			t.Errorf("%d were retried, and %d when it was paused", got.Retried, paused.Retried)
		}
		_, err = r.Change(t.Context(), job, carteiro.BulkRunning, nil)
		must(t, err)
		time.Sleep(2 * time.Second)
		if got := w.job(job); got.Status != carteiro.BulkDone || got.Retried != 100 {
			t.Errorf("%s, %d retried", got.Status, got.Retried)
		}
	})
}

func TestAFaultOfTheStoreIsGotOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBulkWorld(t, 30)
		w.store.down.Store(true)
		job := w.begin(w.node(50))
		time.Sleep(time.Minute)
		w.store.down.Store(false)
		time.Sleep(10 * time.Second)
		if got := w.job(job); got.Status != carteiro.BulkDone || got.Retried != 30 {
			t.Errorf("%s, %d retried", got.Status, got.Retried)
		}
	})
}

// A step whose call failed may have been carried out. The lanes then have to look for its attempts.
func TestLanesAreNotifiedOfAnUnansweredStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBulkWorld(t, 1)
		w.store.silent.Store(true)
		job := w.begin(w.node(50))
		<-time.After(time.Second)
		if got := w.job(job); got.Retried != 1 || w.noticed.Load() != 0 || w.doubted.Load() == 0 {
			t.Errorf("%d retried; the lanes were notified of %d and told %d times that there may be some", got.Retried, w.noticed.Load(), w.doubted.Load())
		}
	})
}

func TestWhatIsTooOldIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBulkWorld(t, 30)
		r := w.node(10)
		job := w.begin(r)
		_, err := r.Change(t.Context(), job, carteiro.BulkPaused, nil)
		must(t, err)
		time.Sleep(2 * time.Hour)
		_, err = r.Change(t.Context(), job, carteiro.BulkRunning, nil)
		must(t, err)
		time.Sleep(time.Second)
		if got := w.job(job); got.Matched != 30 || got.Skipped.TooOld != 30-got.Retried || got.Status != carteiro.BulkDone {
			t.Errorf("%+v", got)
		}
		late := w.job(w.begin(r))
		if late.Matched != 0 || late.Remaining() != 0 {
			t.Errorf("what was too old from the beginning is counted: %+v", late)
		}
		page, err := r.Match(t.Context(), w.webhook, carteiro.BulkFilter{}, 5)
		if must(t, err); page.Total != 0 || len(page.Attempts) != 0 {
			t.Errorf("it matches %+v", page)
		}
	})
}
