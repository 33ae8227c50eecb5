package jobs

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
)

// queued makes a store with a webhook that has so many queued attempts.
func queued(t *testing.T, attempts int) (*sqlite.Store, *carteiro.Webhook) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	must(err)
	var ids carteiro.IDSource
	now := time.Now()
	owner := carteiro.Owner{Kind: carteiro.OwnerAgent, ID: ids.New(now), EnvironmentID: ids.New(now), Name: "Clara", CreatedAt: now, UpdatedAt: now}
	_, _, err = s.PutOwner(t.Context(), store.PutOwner{Owner: owner})
	must(err)
	hook := &carteiro.Webhook{
		ID: ids.New(now), EnvironmentID: owner.EnvironmentID, OwnerKind: owner.Kind, OwnerID: owner.ID, Enabled: true, CreatedAt: now, UpdatedAt: now,
	}
	must(s.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: hook}))
	p := store.Accept{Now: now}
	for range attempts {
		event := &carteiro.Event{ID: ids.New(now), EnvironmentID: owner.EnvironmentID, OwnerKind: owner.Kind, OwnerID: owner.ID, Type: "x", Payload: []byte(`{}`)}
		p.Items = append(p.Items, store.AcceptItem{Event: event, Attempts: []store.AcceptAttempt{
			{ID: ids.Sibling(event.ID), WebhookID: hook.ID, Trigger: carteiro.TriggerAutomatic},
		}})
	}
	_, err = s.Accept(t.Context(), p)
	must(err)
	hook.DeletedAt = now
	must(s.UpdateWebhook(t.Context(), store.UpdateWebhook{Webhook: hook}))
	return s, hook
}

func pending(t *testing.T, s store.Logs, hook *carteiro.Webhook) int {
	t.Helper()
	page, err := s.ListLogs(t.Context(), store.ListLogs{WebhookID: hook.ID, Status: carteiro.StatusPending, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}

func TestTheAttemptsOfADeletedWebhookAreFinishedByWhicheverNodeRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hook := queued(t, 5*cleanLimit)
		run := func(d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			(&Cleaner{Store: s, Environments: s, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
		}
		run(cleanPause + cleanPause/2)
		if left := pending(t, s, hook); left != 3*cleanLimit {
			t.Errorf("%d attempts are left after two transactions, want %d", left, 3*cleanLimit)
		}
		run(10 * cleanPause)
		if left := pending(t, s, hook); left != 0 {
			t.Errorf("%d attempts are left", left)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// leftovers is a store of webhooks to be cleaned that counts the visits of each.
type leftovers struct {
	mu     sync.Mutex
	visits map[byte]int
	fault  error
}

func (u *leftovers) CleanDeleted(_ context.Context, p store.CleanDeleted) (store.CleanedDeleted, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fault != nil {
		err := u.fault
		u.fault = nil
		return store.CleanedDeleted{}, err
	}
	if p.Now.Sub(p.SettledBefore) != settledAfter || p.Limit != cleanLimit {
		return store.CleanedDeleted{}, errors.New("unexpected parameters")
	}
	next := p.After[0] + 1
	if next > 3 {
		return store.CleanedDeleted{}, nil
	}
	u.visits[next]++
	return store.CleanedDeleted{WebhookID: carteiro.ID{next}, More: u.visits[next]%2 == 1}, nil
}

// CleanEnvironment has the same three environments, and notes them behind the webhooks.
func (u *leftovers) CleanEnvironment(_ context.Context, p store.CleanEnvironment) (store.CleanedEnvironment, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if time.Since(p.SettledBefore) != settledAfter || p.Limit != cleanLimit {
		return store.CleanedEnvironment{}, errors.New("unexpected parameters")
	}
	next := max(p.After[0], 10) + 1
	if next > 13 {
		return store.CleanedEnvironment{}, nil
	}
	u.visits[next]++
	return store.CleanedEnvironment{ID: carteiro.ID{next}, More: u.visits[next]%2 == 1}, nil
}

func TestEachPassVisitsEveryWebhookUntilNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &leftovers{visits: make(map[byte]int), fault: errors.New("once")}
		ctx, cancel := context.WithCancel(t.Context())
		go (&Cleaner{Store: u, Environments: u, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
		for passes := range 3 {
			synctest.Wait()
			u.mu.Lock()
			for webhook := byte(1); webhook <= 3; webhook++ {
				if got, want := u.visits[webhook], 2*passes; got != want {
					t.Errorf("webhook %d was visited %d times after %d passes, want %d", webhook, got, passes, want)
				}
				if passes > 0 && u.visits[webhook+10] < 2*passes {
					t.Errorf("environment %d was visited %d times after %d passes", webhook, u.visits[webhook+10], passes)
				}
			}
			u.mu.Unlock()
			<-time.After(cleanInterval + 10*cleanPause)
		}
		cancel()
	})
}
