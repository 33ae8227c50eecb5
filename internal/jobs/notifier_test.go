package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// notifierWorld is an environment in a real store, with an agent that has a webhook, and a teller, in simulated time.
type notifierWorld struct {
	t         *testing.T
	store     *faultyReads
	directory *directory.Directory
	ids       *carteiro.IDSource
	notifier  *jobs.Notifier
	env       carteiro.Environment
	hook      *carteiro.Webhook
	session   store.Session

	mu      sync.Mutex
	noticed []carteiro.ID // webhooks of which the lanes were told
	doubted int           // how often the lanes were told that there may be attempts
	log     strings.Builder
	dropped []string // event types
}

// faultyReads is a store that does not always give what it is asked for.
type faultyReads struct {
	store.Store
	mu         sync.Mutex
	unreadable carteiro.ID
	// readableAfter is after how many failed reads the webhook can be read again; 0: never.
	readableAfter int
	down          bool
	silent        bool // calls are carried out and not answered
}

func (m *faultyReads) set(change func(*faultyReads)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *faultyReads) GetWebhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == m.unreadable {
		if m.readableAfter--; m.readableAfter == 0 {
			m.unreadable = carteiro.ID{}
		}
		return nil, errors.New("the test has it unreadable")
	}
	return m.Store.GetWebhook(ctx, id)
}

func (m *faultyReads) TellNotices(ctx context.Context, p store.TellNotices) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return nil, store.ErrUnavailable
	}
	told, err := m.Store.TellNotices(ctx, p)
	if m.silent {
		return nil, store.ErrUnavailable
	}
	return told, err
}

// Notice implements jobs.Lanes.
func (w *notifierWorld) Notice(_ time.Time, webhooks ...carteiro.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noticed = append(w.noticed, webhooks...)
}

// Doubt implements jobs.Lanes.
func (w *notifierWorld) Doubt(error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doubted++
}

// Write takes what is logged.
func (w *notifierWorld) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

// logged gives how many lines of the log hold a text.
func (w *notifierWorld) logged(text string) int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.log.String(), text)
}

func (w *notifierWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// runNotifier tells a story.
func runNotifier(t *testing.T, story func(*notifierWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
		w := &notifierWorld{t: t, store: &faultyReads{Store: s}, ids: new(carteiro.IDSource)}
		w.must(err)
		w.directory = directory.New(w.store, true)
		now := time.Now()
		w.env = carteiro.Environment{ID: w.ids.New(now), Name: "production", CreatedAt: now}
		w.must(s.CreateEnvironment(t.Context(), store.CreateEnvironment{
			Environment: w.env, Token: carteiro.Token{ID: w.ids.New(now), EnvironmentID: w.env.ID, CreatedAt: now},
		}))
		agent := carteiro.Owner{Kind: carteiro.OwnerAgent, ID: w.ids.New(now), EnvironmentID: w.env.ID, Name: "Clara", CreatedAt: now, UpdatedAt: now}
		_, _, err = s.PutOwner(t.Context(), store.PutOwner{Owner: agent})
		w.must(err)
		w.hook = w.webhook(agent, "https://user:pass@crm.example.com:8443/hooks?key=s3cret", "event_action")
		w.session, err = s.Join(t.Context(), store.Join{Now: now, Until: now.Add(1000 * time.Hour)})
		w.must(err)
		w.notifier = jobs.NewNotifier(jobs.NotifierConfig{
			Store: w.store, Directory: w.directory, Lanes: w, IDs: w.ids, Logger: slog.New(slog.NewTextHandler(w, nil)),
			Dropped: func(eventType string) { w.dropped = append(w.dropped, eventType) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.notifier.Run(ctx) })
		story(w)
		cancel()
		running.Wait()
		w.must(s.Close())
	})
}

func (w *notifierWorld) webhook(owner carteiro.Owner, url string, events ...string) *carteiro.Webhook {
	w.t.Helper()
	now := time.Now()
	hook := &carteiro.Webhook{
		ID: w.ids.New(now), EnvironmentID: owner.EnvironmentID, OwnerKind: owner.Kind, OwnerID: owner.ID, Name: "CRM sync", URL: url, Events: events,
		Enabled: true, HTTPMethod: "POST", Timeout: time.Second, CreatedAt: now, UpdatedAt: now,
	}
	w.must(w.directory.CreateWebhook(w.t.Context(), store.CreateWebhook{Webhook: hook}))
	return hook
}

// fails has an event fail at the webhook, for the last time if it is so. It gives the log entry's id.
func (w *notifierWorld) fails(status int, last bool) *carteiro.Delivery {
	w.t.Helper()
	now := w.ids.Now()
	event := &carteiro.Event{ID: w.ids.New(now), EnvironmentID: w.env.ID, OwnerKind: w.hook.OwnerKind, OwnerID: w.hook.OwnerID, Type: "event_action", Payload: []byte(`{}`)}
	attempt := store.AcceptAttempt{ID: w.ids.Sibling(event.ID), WebhookID: w.hook.ID, Trigger: carteiro.TriggerAutomatic, Held: true}
	_, err := w.store.Accept(w.t.Context(), store.Accept{Now: now, Session: w.session, Items: []store.AcceptItem{{Event: event, Attempts: []store.AcceptAttempt{attempt}}}})
	w.must(err)
	d := &carteiro.Delivery{Event: event, Attempt: carteiro.Attempt{
		ID: attempt.ID, WebhookID: w.hook.ID, EventID: event.ID, EventType: event.Type, Number: 1, ChainStart: 1, Trigger: attempt.Trigger,
	}}
	o := &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: status, Error: "HTTP 503 Service Unavailable", FinishedAt: now, Success: status == 200}
	hook, err := w.store.Store.GetWebhook(w.t.Context(), w.hook.ID)
	w.must(err)
	_, err = w.store.Record(w.t.Context(), store.Record{Session: w.session, Now: now, Results: []store.Result{
		{Delivery: d, Outcome: o, Version: hook.Version, Exhausted: last, DisableWebhook: status == 410},
	}})
	w.must(err)
	w.notifier.Wake()
	return d
}

// operatorEvent gives what the environment was told, oldest first, without what differs from run to run.
func (w *notifierWorld) events(d *carteiro.Delivery) (all []string) {
	w.t.Helper()
	synctest.Wait()
	page, err := w.store.ListEvents(w.t.Context(), store.ListEvents{
		EnvironmentID: w.env.ID, OwnerKind: carteiro.OwnerEnvironment, OwnerID: w.env.ID, Limit: 100,
	})
	w.must(err)
	for _, e := range page.Events {
		stored, err := w.store.GetEvent(w.t.Context(), store.EventRef{EnvironmentID: w.env.ID, ID: e.ID})
		w.must(err)
		text := strings.NewReplacer(w.hook.ID.String(), "HOOK", w.hook.OwnerID.String(), "AGENT", d.ID.String(), "LOG", d.EventID.String(), "EVENT").
			Replace(string(stored.Payload))
		all = append([]string{strings.TrimSpace(e.Type + " " + text + " " + string(e.Undelivered))}, all...)
	}
	return all
}

func (w *notifierWorld) want(got []string, want ...string) {
	w.t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("told:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const about = `"webhook":{"id":"HOOK","name":"CRM sync","host":"crm.example.com:8443","agent_id":"AGENT","agent_name":"Clara"}`

func TestWhatTheServerDidIsToldAsItWasThen(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		operators := w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.WebhookErrorEvent, carteiro.WebhookRecoveredEvent,
			carteiro.WebhookDisabledEvent, carteiro.DeliveryExhaustedEvent)
		for range carteiro.FailuresForError {
			w.fails(503, false)
		}
		w.fails(200, false)
		d := w.fails(503, true)
		w.fails(410, false)
		w.want(w.events(d),
			`webhook.error {`+about+`,"failures_in_a_row":5,"failing_since":"2000-01-01T00:00:00.000000Z","last_error":"HTTP 503 Service Unavailable"}`,
			`webhook.recovered {`+about+`,"in_error_since":"2000-01-01T00:00:00.000000Z"}`,
			`delivery.exhausted {`+about+`,"last_error":"HTTP 503 Service Unavailable","delivery":{"log_id":"LOG","event_id":"EVENT","event":"event_action","attempt":1,"http_status":503}}`,
			`webhook.disabled {`+about+`,"reason":"gone","last_error":"HTTP 503 Service Unavailable"}`,
		)
		<-time.After(time.Millisecond) // ids of one instant are microseconds apart, and so is what is due
		claimed, err := w.store.Claim(w.t.Context(), store.Claim{Session: w.session, WebhookID: operators.ID, Now: w.ids.Now(), Limit: 10, MaxBytes: 1 << 20})
		w.must(err)
		if len(claimed.Deliveries) != 4 || len(w.noticed) != 4 || w.noticed[0] != operators.ID {
			t.Errorf("%d deliveries wait, and the lanes were told of %v", len(claimed.Deliveries), w.noticed)
		}
		for _, d := range claimed.Deliveries {
			if !json.Valid(d.Event.Payload) || d.Event.OwnerName != "production" {
				t.Errorf("%s of %q", d.Event.Payload, d.Event.OwnerName)
			}
		}
	})
}

func TestAnEventIsMadeOnlyIfSomebodySubscribesToIt(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		w.fails(503, true) // before there is anybody
		w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.WebhookErrorEvent)
		d := w.fails(503, true)
		w.want(w.events(d))
		off := w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.DeliveryExhaustedEvent)
		ref := store.OwnerRef{EnvironmentID: w.env.ID, Kind: carteiro.OwnerEnvironment, ID: w.env.ID}
		_, err := w.directory.ChangeWebhook(w.t.Context(), ref, off.ID, func(hook *carteiro.Webhook) error {
			hook.Enabled = false
			return nil
		}, nil)
		w.must(err)
		d = w.fails(503, true)
		w.want(w.events(d), `delivery.exhausted {`+about+`,"last_error":"HTTP 503 Service Unavailable","delivery":{"log_id":"LOG","event_id":"EVENT","event":"event_action","attempt":1,"http_status":503}} webhooks_disabled`)
	})
}

func TestWhatCannotBeToldIsToldLater(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.DeliveryExhaustedEvent)
		readable := w.hook
		agent := carteiro.Owner{Kind: readable.OwnerKind, ID: readable.OwnerID, EnvironmentID: w.env.ID}
		w.hook = w.webhook(agent, "https://other.example.com", "event_action")
		w.store.set(func(m *faultyReads) { m.unreadable = w.hook.ID })
		w.fails(503, true)
		w.hook = readable
		d := w.fails(503, true)
		if told := w.events(d); len(told) != 1 || !strings.Contains(told[0], `"log_id":"LOG"`) {
			t.Errorf("one that cannot be read holds up another: %q", told)
		}
		w.store.set(func(m *faultyReads) { m.unreadable, m.down = carteiro.ID{}, true })
		<-time.After(time.Minute)
		if told := w.events(d); len(told) != 1 {
			t.Errorf("told while the store was down: %q", told)
		}
		w.store.set(func(m *faultyReads) { m.down = false })
		<-time.After(10 * time.Second) // nobody wakes it
		if told := w.events(d); len(told) != 2 {
			t.Errorf("told in the end: %q", told)
		}
	})
}

// A call that failed may have stored an event with its attempts. The lanes then have to look for them.
func TestLanesAreNotifiedOfAnUnansweredPublication(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.DeliveryExhaustedEvent)
		w.store.set(func(m *faultyReads) { m.silent = true })
		d := w.fails(503, true)
		if told := w.events(d); len(told) != 1 || len(w.noticed) != 0 || w.doubted == 0 {
			t.Errorf("published: %q; the lanes were notified of %v and told %d times that there may be some", told, w.noticed, w.doubted)
		}
	})
}

func TestANoticeThatCannotBePublishedHoldsBackLaterOnesOfItsWebhook(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.WebhookErrorEvent, carteiro.DeliveryExhaustedEvent)
		w.store.set(func(m *faultyReads) { m.unreadable = w.hook.ID })
		for range carteiro.FailuresForError {
			w.fails(503, false)
		}
		w.events(new(carteiro.Delivery)) // the first one is tried by itself
		d := w.fails(503, true)
		if told := w.events(d); len(told) != 0 {
			t.Errorf("published without its webhook: %q", told)
		}
		w.store.set(func(m *faultyReads) { m.unreadable = carteiro.ID{} })
		<-time.After(10 * time.Second)
		told := w.events(d)
		if len(told) != 2 || !strings.HasPrefix(told[0], carteiro.WebhookErrorEvent) || !strings.HasPrefix(told[1], carteiro.DeliveryExhaustedEvent) {
			t.Errorf("published in the end: %q", told)
		}
	})
}

func TestALaterNoticeDoesNotOvertakeOneThatFailedMomentsBefore(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.WebhookErrorEvent, carteiro.DeliveryExhaustedEvent)
		w.store.set(func(m *faultyReads) { m.down = true })
		for range carteiro.FailuresForError {
			w.fails(503, false)
		}
		d := w.fails(503, true)
		w.events(d)
		w.store.set(func(m *faultyReads) { m.down, m.unreadable, m.readableAfter = false, w.hook.ID, 1 })
		<-time.After(5 * time.Second)
		if told := w.events(d); len(told) != 0 {
			t.Errorf("a later notice overtook an earlier one: %q", told)
		}
	})
}

// A notice that cannot be published does not fill the log, and after a day it gives way to the later ones of its webhook.
func TestANoticeThatCannotBePublishedIsGivenUpAfterADay(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.DeliveryExhaustedEvent)
		w.store.set(func(m *faultyReads) { m.unreadable = w.hook.ID })
		w.fails(503, true)
		<-time.After(23 * time.Hour)
		d := w.fails(503, true)
		if n := w.logged("could not publish operator events"); n == 0 || n > 24 {
			t.Errorf("%d lines in the log after a day", n)
		}
		if len(w.dropped) > 0 || w.logged("dropped") > 0 {
			t.Errorf("dropped early: %q", w.dropped)
		}
		<-time.After(time.Hour + time.Minute)
		if w.logged("operator event dropped") != 1 || len(w.dropped) != 1 || w.dropped[0] != carteiro.DeliveryExhaustedEvent {
			t.Errorf("dropped %q; the log says so %d times", w.dropped, w.logged("operator event dropped"))
		}
		w.store.set(func(m *faultyReads) { m.unreadable = carteiro.ID{} })
		<-time.After(10 * time.Second)
		if told := w.events(d); len(told) != 1 || !strings.Contains(told[0], `"log_id":"LOG"`) {
			t.Errorf("told in the end: %q", told)
		}
	})
}

// However long the database is away, nothing is given up.
func TestNothingIsGivenUpWhileTheDatabaseIsAway(t *testing.T) {
	runNotifier(t, func(w *notifierWorld) {
		w.webhook(w.env.Owner(), "https://pager.example.com", carteiro.DeliveryExhaustedEvent)
		w.store.set(func(m *faultyReads) { m.down = true })
		d := w.fails(503, true)
		<-time.After(25 * time.Hour)
		if n := w.logged("could not publish operator events"); n == 0 || n > 26 || len(w.dropped) > 0 {
			t.Errorf("%d lines in the log after 25 hours, dropped %q", n, w.dropped)
		}
		w.store.set(func(m *faultyReads) { m.down = false })
		<-time.After(10 * time.Second)
		if told := w.events(d); len(told) != 1 {
			t.Errorf("told in the end: %q", told)
		}
	})
}
