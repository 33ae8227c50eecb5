package sqlite

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Any caller can provoke these answers. None of them may roll back and rerun what others commit in the same transaction.
func TestAnAnswerDoesNotRollBackTheCommitOfOthers(t *testing.T) {
	ids := new(carteiro.IDSource)
	environment := carteiro.Environment{ID: ids.New(start), Name: "production", CreatedAt: start}
	agent := store.OwnerRef{EnvironmentID: environment.ID, Kind: carteiro.OwnerAgent, ID: ids.New(start)}
	hook := &carteiro.Webhook{
		ID: ids.New(start), EnvironmentID: agent.EnvironmentID, OwnerKind: agent.Kind, OwnerID: agent.ID, Name: "CRM", Enabled: true,
		CreatedAt: start, UpdatedAt: start,
	}
	unknown := ids.New(start)
	stranger := agent
	stranger.EnvironmentID = unknown
	entry := func() *carteiro.AuditEntry {
		return &carteiro.AuditEntry{ID: ids.New(start), EnvironmentID: environment.ID}
	}
	bulk := func() store.CreateBulkRetry {
		return store.CreateBulkRetry{OwnerRef: agent, ID: ids.New(start), WebhookID: hook.ID, Now: start, Audit: entry()}
	}
	token := func(environment carteiro.ID) carteiro.Token {
		return carteiro.Token{ID: ids.New(start), EnvironmentID: environment, Hash: carteiro.HashToken(carteiro.NewTokenSecret()), Scopes: carteiro.ScopeAll, CreatedAt: start}
	}
	for name, test := range map[string]struct {
		call func(context.Context, *Store) error
		want error
	}{
		"one webhook too many": {func(ctx context.Context, s *Store) error {
			more := *hook
			more.ID = ids.New(start)
			return s.CreateWebhook(ctx, store.CreateWebhook{Webhook: &more, Most: 1, Audit: entry()})
		}, store.ErrTooMany},
		"a webhook of no agent": {func(ctx context.Context, s *Store) error {
			lost := *hook
			lost.ID, lost.OwnerID = ids.New(start), unknown
			return s.CreateWebhook(ctx, store.CreateWebhook{Webhook: &lost, Audit: entry()})
		}, store.ErrNotFound},
		"a change of an older version": {func(ctx context.Context, s *Store) error {
			old := *hook
			old.Version = 7
			return s.UpdateWebhook(ctx, store.UpdateWebhook{Webhook: &old, Audit: entry()})
		}, store.ErrConflict},
		"a second job": {func(ctx context.Context, s *Store) error {
			_, err := s.CreateBulkRetry(ctx, bulk())
			return err
		}, store.ErrConflict},
		"a job of no webhook": {func(ctx context.Context, s *Store) error {
			p := bulk()
			p.WebhookID = unknown
			_, err := s.CreateBulkRetry(ctx, p)
			return err
		}, store.ErrNotFound},
		"a change of no job": {func(ctx context.Context, s *Store) error {
			_, err := s.ChangeBulkRetry(ctx, store.ChangeBulkRetry{BulkRef: store.BulkRef{WebhookID: hook.ID, ID: unknown}, Status: carteiro.BulkPaused, Now: start})
			return err
		}, store.ErrNotFound},
		"no agent to delete": {func(ctx context.Context, s *Store) error {
			_, err := s.DeleteOwner(ctx, store.DeleteOwner{OwnerRef: stranger, Now: start, Audit: entry()})
			return err
		}, store.ErrNotFound},
		"no environment to rename": {func(ctx context.Context, s *Store) error {
			_, err := s.RenameEnvironment(ctx, store.RenameEnvironment{ID: unknown, Name: "x", Audit: entry()})
			return err
		}, store.ErrNotFound},
		"a token of no environment": {func(ctx context.Context, s *Store) error {
			return s.CreateToken(ctx, store.CreateToken{Token: token(unknown), Audit: entry()})
		}, store.ErrNotFound},
		"no token to revoke": {func(ctx context.Context, s *Store) error {
			_, err := s.RevokeToken(ctx, store.RevokeToken{TokenRef: store.TokenRef{EnvironmentID: environment.ID, ID: unknown}, Audit: entry()})
			return err
		}, store.ErrNotFound},
		"no log entry to retry": {func(ctx context.Context, s *Store) error {
			_, err := s.Retry(ctx, store.Retry{LogRef: store.LogRef{OwnerRef: agent, WebhookID: hook.ID, LogID: unknown}, Now: start, NewID: ids.New(start)})
			return err
		}, store.ErrNotFound},
		"a session that has ended": {func(ctx context.Context, s *Store) error {
			return s.Renew(ctx, store.Renew{Session: store.Session{ID: 1000}, Now: start, Until: start.Add(time.Minute)})
		}, store.ErrLeaseLost},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTemp(t)
			must(t, s.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: environment, Token: token(environment.ID)}))
			_, _, err := s.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{
				EnvironmentID: agent.EnvironmentID, Kind: agent.Kind, ID: agent.ID, CreatedAt: start, UpdatedAt: start,
			}})
			must(t, err)
			first := *hook
			must(t, s.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: &first}))
			_, err = s.CreateBulkRetry(t.Context(), bulk())
			must(t, err)

			release := holdWriter(t, s)
			runs := 0 // of the other operation in the transaction
			var all sync.WaitGroup
			all.Go(func() {
				if err := s.writer.write(t.Context(), 1, func(t *tx) error { runs++; return ping(t) }); err != nil {
					t.Error(err)
				}
			})
			awaitQueue(s, 1)
			all.Go(func() {
				if err := test.call(t.Context(), s); !errors.Is(err, test.want) {
					t.Errorf("error is %v, want %v", err, test.want)
				}
			})
			awaitQueue(s, 2)
			release()
			all.Wait()
			if runs != 1 {
				t.Errorf("the other operation ran %d times", runs)
			}
		})
	}
}
