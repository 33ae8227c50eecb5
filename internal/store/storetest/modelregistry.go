package storetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// The model's environments, agents, campaigns and webhooks.

func (m *model) CreateEnvironment(_ context.Context, p store.CreateEnvironment) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.environments, func(e carteiro.Environment) bool { return e.ID == p.Environment.ID }) {
		return store.ErrConflict
	}
	if err := m.addToken(p.Token); err != nil {
		return err
	}
	m.environments = append(m.environments, p.Environment)
	own := p.Environment.Owner()
	m.owners[store.OwnerRef{EnvironmentID: own.EnvironmentID, Kind: own.Kind, ID: own.ID}] = own
	return nil
}

func (m *model) addToken(token carteiro.Token) error {
	if slices.ContainsFunc(m.tokens, func(other carteiro.Token) bool { return other.ID == token.ID || other.Hash == token.Hash }) {
		return store.ErrConflict
	}
	m.tokens = append(m.tokens, token)
	return nil
}

func (m *model) DeleteEnvironment(_ context.Context, p store.DeleteEnvironment) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.environments, func(e carteiro.Environment) bool { return e.ID == p.ID && e.DeletedAt.IsZero() })
	if i < 0 {
		return store.ErrNotFound
	}
	if !p.Force && m.isUsed(p.ID) {
		return store.ErrConflict
	}
	m.environments[i].DeletedAt = p.Now
	m.tokens = slices.DeleteFunc(m.tokens, func(t carteiro.Token) bool { return t.EnvironmentID == p.ID })
	return nil
}

func (m *model) isUsed(environment carteiro.ID) bool {
	for ref := range m.owners {
		if ref.EnvironmentID == environment && ref.Kind != carteiro.OwnerEnvironment {
			return true
		}
	}
	for _, w := range m.webhooks {
		if w.EnvironmentID == environment {
			return true
		}
	}
	for _, e := range m.events {
		if e.EnvironmentID == environment && !e.Test {
			return true
		}
	}
	return false
}

// CleanEnvironment deletes all at once, but for the owners: only that nothing is left is the same everywhere.
func (m *model) CleanEnvironment(_ context.Context, p store.CleanEnvironment) (cleaned store.CleanedEnvironment, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var e carteiro.Environment
	for _, other := range m.environments {
		wanted := other.ID == p.ID || p.ID.IsZero() && compareIDs(other.ID, p.After) > 0
		if wanted && !other.DeletedAt.IsZero() && (e.ID.IsZero() || compareIDs(other.ID, e.ID) < 0) {
			e = other
		}
	}
	if cleaned.ID = e.ID; e.ID.IsZero() {
		return cleaned, nil
	}
	for ref := range m.owners {
		if ref.EnvironmentID == e.ID && len(cleaned.Owners) < p.Limit {
			cleaned.Owners, cleaned.More = append(cleaned.Owners, ref), true
		}
	}
	if cleaned.More {
		return cleaned, nil
	}
	for id, w := range m.webhooks {
		if w.EnvironmentID == e.ID {
			if !m.cleaned[id] {
				return cleaned, nil
			}
			m.eraseWebhook(id)
		}
	}
	maps.DeleteFunc(m.events, func(_ carteiro.ID, event carteiro.Event) bool { return event.EnvironmentID == e.ID })
	maps.DeleteFunc(m.keys, func(key modelKey, _ store.Key) bool { return key.environment == e.ID })
	m.recorded = slices.DeleteFunc(m.recorded, func(r modelRecord) bool { return r.environment == e.ID })
	m.notices = slices.DeleteFunc(m.notices, func(n carteiro.Notification) bool { return n.EnvironmentID == e.ID })
	if e.DeletedAt.Before(p.SettledBefore) {
		m.environments = slices.DeleteFunc(m.environments, func(other carteiro.Environment) bool { return other.ID == e.ID })
	}
	return cleaned, nil
}

func (m *model) eraseWebhook(id carteiro.ID) {
	maps.DeleteFunc(m.attempts, func(ref store.AttemptRef, _ *modelAttempt) bool { return ref.WebhookID == id })
	m.jobs = slices.DeleteFunc(m.jobs, func(job carteiro.BulkRetry) bool { return job.WebhookID == id })
	delete(m.webhooks, id)
}

func (m *model) ListEnvironments(context.Context) ([]carteiro.Environment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(m.environments), func(e carteiro.Environment) bool { return !e.DeletedAt.IsZero() })
	slices.SortFunc(all, func(a, b carteiro.Environment) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), compareIDs(a.ID, b.ID))
	})
	return all, nil
}

func (m *model) PutOwner(_ context.Context, p store.PutOwner) (carteiro.Owner, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ref := store.OwnerRef{EnvironmentID: p.Owner.EnvironmentID, Kind: p.Owner.Kind, ID: p.Owner.ID}
	owner := p.Owner
	if err := m.mustBeFree(p.Key, owner.UpdatedAt); err != nil {
		return carteiro.Owner{}, false, err
	}
	before, found := m.owners[ref]
	if found && p.CreateOnly {
		return carteiro.Owner{}, false, store.ErrConflict
	}
	m.keep(p.Key)
	if found {
		owner.CreatedAt = before.CreatedAt
		if p.KeepAgent {
			owner.AgentID = before.AgentID
		}
	}
	m.owners[ref] = owner
	return owner, !found, nil
}

func (m *model) GetOwner(_ context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	owner, found := m.owners[ref]
	if !found {
		return owner, store.ErrNotFound
	}
	return owner, nil
}

func (m *model) ListOwners(_ context.Context, p store.ListOwners) ([]carteiro.Owner, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []carteiro.Owner
	for ref, owner := range m.owners {
		if ref.EnvironmentID == p.EnvironmentID && ref.Kind == p.Kind &&
			strings.Contains(strings.ToLower(owner.Name), strings.ToLower(p.Search)) {
			found = append(found, owner)
		}
	}
	slices.SortFunc(found, func(a, b carteiro.Owner) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), compareIDs(b.ID, a.ID))
	})
	return window(found, p.Offset, p.Limit), len(found), nil
}

func (m *model) DeleteOwner(_ context.Context, p store.DeleteOwner) (deleted []carteiro.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, found := m.owners[p.OwnerRef]; !found {
		return nil, store.ErrNotFound
	}
	delete(m.owners, p.OwnerRef)
	for ref, owner := range m.owners {
		if p.Kind == carteiro.OwnerAgent && ref.EnvironmentID == p.EnvironmentID && owner.AgentID == p.ID {
			owner.AgentID = carteiro.ID{}
			m.owners[ref] = owner
		}
	}
	for id, w := range m.webhooks {
		if ownerOf(&w) == p.OwnerRef && !w.Deleted() {
			w.DeletedAt, w.UpdatedAt = p.Now, p.Now
			w.EraseSecrets()
			w.Version++
			m.webhooks[id] = w
			deleted = append(deleted, id)
		}
	}
	return deleted, nil
}

func ownerOf(w *carteiro.Webhook) store.OwnerRef {
	return store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID}
}

func (m *model) CreateWebhook(_ context.Context, p store.CreateWebhook) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	webhook := p.Webhook
	if err := m.mustBeFree(p.Key, webhook.CreatedAt); err != nil {
		return err
	}
	if _, found := m.owners[ownerOf(webhook)]; !found {
		return store.ErrNotFound
	}
	if _, found := m.webhooks[webhook.ID]; found {
		return store.ErrConflict
	}
	siblings := 0
	for _, w := range m.webhooks {
		if ownerOf(&w) == ownerOf(webhook) && !w.Deleted() {
			siblings++
		}
	}
	if p.Most > 0 && siblings >= p.Most {
		return store.ErrTooMany
	}
	m.keep(p.Key)
	webhook.Version = 1
	stored := *webhook
	stored.FailuresInARow, stored.FailingSince, stored.LastError, stored.LastFailedAt = 0, time.Time{}, "", time.Time{}
	stored.Circuit, stored.DisabledBy, stored.DisabledAt = carteiro.Circuit{}, "", time.Time{}
	m.webhooks[webhook.ID] = stored
	return nil
}

func (m *model) UpdateWebhook(_ context.Context, p store.UpdateWebhook) error {
	webhook := p.Webhook
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, found := m.webhooks[webhook.ID]
	switch {
	case !found || stored.Deleted():
		return store.ErrNotFound
	case stored.Version != webhook.Version:
		return store.ErrConflict
	}
	webhook.Version++
	webhook.ChangedFrom(&stored, webhook.UpdatedAt)
	changed := *webhook
	changed.EnvironmentID, changed.OwnerKind, changed.OwnerID = stored.EnvironmentID, stored.OwnerKind, stored.OwnerID
	changed.CreatedAt = stored.CreatedAt
	m.webhooks[webhook.ID] = changed
	return nil
}

func (m *model) GetWebhook(_ context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, found := m.webhooks[id]
	if !found {
		return nil, store.ErrNotFound
	}
	return &w, nil
}

func (m *model) ListWebhooks(_ context.Context, ref store.OwnerRef) (webhooks []*carteiro.Webhook, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.webhooks {
		if ownerOf(&w) == ref && !w.Deleted() {
			webhooks = append(webhooks, &w)
		}
	}
	slices.SortFunc(webhooks, func(a, b *carteiro.Webhook) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), compareIDs(a.ID, b.ID))
	})
	return webhooks, nil
}
