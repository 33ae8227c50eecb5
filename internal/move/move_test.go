package move

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// cutShort is a target that fails at one of its imports, before or after the page was stored.
type cutShort struct {
	store.Movable
	left  int // imports that work
	after bool
}

var errCut = errors.New("the line is cut")

func (c *cutShort) Import(ctx context.Context, page *store.Page) error {
	if c.left--; c.left >= 0 {
		return c.Movable.Import(ctx, page)
	}
	if c.after {
		return errors.Join(errCut, c.Movable.Import(ctx, page))
	}
	return errCut
}

func TestACopyThatIsCutShortAnywhereGoesOnAndEndsRight(t *testing.T) {
	source := open(t, "source.db", sqlite.Options{})
	fill(t, source, 25)
	counts, err := source.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for cut := range 18 {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("at page %d, stored: %v", cut, after), func(t *testing.T) {
				t.Parallel()
				target := open(t, "target.db", sqlite.Options{})
				_, err := Move{From: source, To: &cutShort{target, cut, after}, Source: "here", limit: 10}.Run(t.Context())
				if err != nil && !errors.Is(err, errCut) {
					t.Fatal(err)
				}
				there, countErr := target.Count(t.Context())
				if countErr != nil {
					t.Fatal(countErr)
				}
				if err == nil {
					return // there are no more pages
				}
				last := 0
				report, err := Move{From: source, To: target, Source: "here", limit: 10, Progress: func(_ Stage, done, _ int) { last = done }}.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if report.Resumed != sum(there) || last != 2*sum(counts) {
					t.Errorf("%d were there and %d things compared, want %d and %d", report.Resumed, last, sum(there), 2*sum(counts))
				}
				for i, s := range report.Sections {
					if s.Count != counts[i] {
						t.Errorf("%d %s, want %d", s.Count, s.Name, counts[i])
					}
				}
				if _, err := (Move{From: source, To: target, Source: "here", limit: 10}).Run(t.Context()); !errors.Is(err, store.ErrConflict) {
					t.Errorf("a copy into what is copied already: %v", err)
				}
			})
		}
	}
}

func TestATargetThatDiffersStaysUnfinished(t *testing.T) {
	source, path := open(t, "source.db", sqlite.Options{}), filepath.Join(t.TempDir(), "target.db")
	fill(t, source, 3)
	target, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Move{From: source, To: &meddler{target}, Source: "here", limit: 10}.Run(t.Context())
	if !errors.Is(err, ErrDiffer) {
		t.Errorf("error is %v, want %v", err, ErrDiffer)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	var refused *sqlite.Error
	for _, opts := range []sqlite.Options{{}, {Shared: true}} {
		if _, err := sqlite.Open(t.Context(), path, opts); !errors.As(err, &refused) || refused.Code != sqlite.CodeMoving {
			t.Errorf("opening it with %+v: %v", opts, err)
		}
	}
}

// meddler is a target in which one byte of a payload changes on its way.
type meddler struct{ store.Movable }

func (m *meddler) Import(ctx context.Context, page *store.Page) error {
	for _, e := range page.Events[:min(1, len(page.Events))] {
		e.Payload[0] ^= 1
	}
	return m.Movable.Import(ctx, page)
}

func TestStoppedByItsContextItSaysSo(t *testing.T) {
	source, target := open(t, "source.db", sqlite.Options{}), open(t, "target.db", sqlite.Options{})
	fill(t, source, 3)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Move{From: source, To: target, Source: "here", limit: 10, Progress: func(Stage, int, int) { cancel() }}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestChecksumsTellThingsApart(t *testing.T) {
	at := time.Date(2025, 9, 3, 23, 19, 51, 1000, time.UTC)
	pages := map[string]store.Page{
		"none":           {},
		"an owner":       {Owners: []carteiro.Owner{{Name: "ab", CreatedAt: at}}},
		"another time":   {Owners: []carteiro.Owner{{Name: "ab", CreatedAt: at.Add(time.Microsecond)}}},
		"another field":  {Owners: []carteiro.Owner{{Name: "ab", UpdatedAt: at}}},
		"two":            {Owners: []carteiro.Owner{{Name: "a"}, {Name: "b"}}},
		"no body":        {Attempts: []*carteiro.Attempt{{Outcome: &carteiro.Outcome{}}}},
		"an empty body":  {Attempts: []*carteiro.Attempt{{Outcome: &carteiro.Outcome{ResponseBody: []byte{}}}}},
		"a body":         {Attempts: []*carteiro.Attempt{{Outcome: &carteiro.Outcome{ResponseBody: []byte{0}}}}},
		"a header":       {Attempts: []*carteiro.Attempt{{Outcome: &carteiro.Outcome{RequestHeaders: map[string][]string{"a": {"b"}}}}}},
		"its value gone": {Attempts: []*carteiro.Attempt{{Outcome: &carteiro.Outcome{RequestHeaders: map[string][]string{"a": nil}}}}},
		"two headers":    {Attempts: []*carteiro.Attempt{{Outcome: &carteiro.Outcome{RequestHeaders: map[string][]string{"a": {"b"}, "c": {"d"}}}}}},
		"a key":          {Keys: []store.Key{{Key: "a", Fingerprint: [32]byte{1}}}},
		"another key":    {Keys: []store.Key{{Key: "a", Fingerprint: [32]byte{2}}}},
		"a webhook":      {Webhooks: []*carteiro.Webhook{{Enabled: true, Version: 1}}},
		"one that fails": {Webhooks: []*carteiro.Webhook{{Enabled: true, Version: 1, FailuresInARow: 1}}},
	}
	seen := make(map[string]string)
	for name, page := range pages {
		for range 3 { // maps come in any order
			d := newDigests()
			d[0].add(&page)
			if other, again := seen[d[0].String()]; again && other != name {
				t.Errorf("%s and %s have the same checksum", name, other)
			}
			seen[d[0].String()] = name
		}
	}
	if len(seen) != len(pages) {
		t.Errorf("%d checksums of %d pages", len(seen), len(pages))
	}
}

func open(t *testing.T, name string, opts sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), name), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fill accepts events for one webhook, of which half are delivered and the others open.
func fill(t *testing.T, s store.Store, events int) {
	t.Helper()
	now, ids := time.Date(2025, 9, 3, 23, 19, 51, 0, time.UTC), new(carteiro.IDSource)
	environment := carteiro.Environment{ID: ids.New(now), Name: "test", CreatedAt: now}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	token := carteiro.Token{ID: ids.New(now), EnvironmentID: environment.ID, Hash: carteiro.HashToken("x"), CreatedAt: now}
	ok(s.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: environment, Token: token}))
	owner, _, err := s.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{
		EnvironmentID: environment.ID, Kind: carteiro.OwnerAgent, ID: ids.New(now), Name: "Reception", CreatedAt: now, UpdatedAt: now,
	}})
	ok(err)
	webhook := &carteiro.Webhook{
		ID: ids.New(now), EnvironmentID: environment.ID, OwnerKind: owner.Kind, OwnerID: owner.ID, Enabled: true, CreatedAt: now, UpdatedAt: now,
	}
	ok(s.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: webhook}))
	session, err := s.Join(t.Context(), store.Join{Node: "node", Now: now, Until: now.Add(time.Hour)})
	ok(err)
	accept := store.Accept{Now: now, Session: session}
	record := store.Record{Session: session, Now: now}
	for i := range events {
		e := &carteiro.Event{
			ID: ids.New(now), EnvironmentID: environment.ID, OwnerKind: owner.Kind, OwnerID: owner.ID, Type: "event_action",
			Payload: fmt.Appendf(nil, `{"n":%d}`, i),
		}
		first := store.AcceptAttempt{ID: ids.Sibling(e.ID), WebhookID: webhook.ID, Trigger: carteiro.TriggerAutomatic, Held: true}
		accept.Items = append(accept.Items, store.AcceptItem{Event: e, Attempts: []store.AcceptAttempt{first}})
		if i%2 == 0 {
			record.Results = append(record.Results, store.Result{
				Delivery: &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{ID: first.ID, WebhookID: webhook.ID}},
				Outcome: &carteiro.Outcome{
					Success: true, FinishedAt: now, RequestBody: append([]byte("head"), e.Payload...), SharedTail: len(e.Payload), HTTPStatus: 204,
				},
			})
		}
	}
	_, err = s.Accept(t.Context(), accept)
	ok(err)
	_, err = s.Record(t.Context(), record)
	ok(err)
}
