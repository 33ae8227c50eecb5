package directory

import (
	"context"
	"errors"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// PutOwner is [store.Registry.PutOwner].
func (d *Directory) PutOwner(ctx context.Context, p store.PutOwner) (carteiro.Owner, bool, error) {
	owner, created, err := d.store.PutOwner(ctx, p)
	d.forget([]store.OwnerRef{{EnvironmentID: p.Owner.EnvironmentID, Kind: p.Owner.Kind, ID: p.Owner.ID}}, nil)
	return owner, created, err
}

// RenameEnvironment is [store.Environments.RenameEnvironment]. Operator events carry the new name once it returns.
func (d *Directory) RenameEnvironment(ctx context.Context, p store.RenameEnvironment) (carteiro.Environment, error) {
	environment, err := d.store.RenameEnvironment(ctx, p)
	d.forget([]store.OwnerRef{{EnvironmentID: p.ID, Kind: carteiro.OwnerEnvironment, ID: p.ID}}, nil)
	return environment, err
}

// DeleteEnvironment is [store.Environments.DeleteEnvironment]. On this node the environment's tokens and sessions open nothing
// any more once it returns, on others within [Freshness]. Its agents and campaigns are deleted, unless there are very many;
// maintenance deletes the rest.
func (d *Directory) DeleteEnvironment(ctx context.Context, p store.DeleteEnvironment) error {
	err := d.store.DeleteEnvironment(ctx, p)
	d.forgetAll()
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	for range maxCleans {
		cleaned, err := d.CleanEnvironment(ctx, store.CleanEnvironment{ID: p.ID, Limit: 1})
		if err != nil || len(cleaned.Owners) == 0 {
			return nil //nolint:nilerr // the environment is deleted; maintenance goes on
		}
	}
	return nil
}

// CleanEnvironment is [store.Environments.CleanEnvironment]; it also deletes the agents and campaigns that are left.
func (d *Directory) CleanEnvironment(ctx context.Context, p store.CleanEnvironment) (store.CleanedEnvironment, error) {
	cleaned, err := d.store.CleanEnvironment(ctx, p)
	if err != nil {
		return cleaned, err
	}
	for _, owner := range cleaned.Owners {
		err := d.DeleteOwner(ctx, store.DeleteOwner{OwnerRef: owner, Now: time.Now()})
		if err != nil && !errors.Is(err, store.ErrNotFound) { // another node may have deleted it
			return cleaned, err
		}
	}
	return cleaned, nil
}

// DeleteOwner is [store.Registry.DeleteOwner]. Nothing is sent to the owner's webhooks any more once it returns, and pending
// attempts are finished, unless there are very many.
func (d *Directory) DeleteOwner(ctx context.Context, p store.DeleteOwner) error {
	webhooks, err := d.store.DeleteOwner(ctx, p)
	if err != nil {
		webhooks = d.cached(func(w *carteiro.Webhook) bool { // it may be deleted all the same
			return w.EnvironmentID == p.EnvironmentID && w.OwnerKind == p.Kind && w.OwnerID == p.ID
		})
	}
	d.forget([]store.OwnerRef{p.OwnerRef}, webhooks)
	d.tell(webhooks...)
	if err == nil {
		d.cleanDeleted(ctx, p.Now, webhooks)
	}
	return err
}

const (
	// maxCleans bounds how many transactions a deletion waits for. What is left is maintenance's.
	maxCleans = 60
	// cleanLimit is how many attempts each of them finishes.
	cleanLimit = 100
)

// cleanDeleted finishes the pending attempts of webhooks that were just deleted. It is not canceled with the request, and
// an error does not matter: whatever is left, maintenance finishes.
func (d *Directory) cleanDeleted(ctx context.Context, now time.Time, webhooks []carteiro.ID) {
	ctx = context.WithoutCancel(ctx)
	cleans := 0
	for _, webhook := range webhooks {
		for more := true; more; cleans++ {
			if cleans == maxCleans {
				return
			}
			cleaned, err := d.store.CleanDeleted(ctx, store.CleanDeleted{Now: now, WebhookID: webhook, Limit: cleanLimit})
			if err != nil {
				return
			}
			more = cleaned.More
		}
	}
}

// cached returns the cached webhooks that match.
func (d *Directory) cached(match func(*carteiro.Webhook) bool) (ids []carteiro.ID) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for id, cached := range d.webhooks.entries {
		if match(cached.value) {
			ids = append(ids, id)
		}
	}
	return ids
}

// CreateWebhook is [store.Registry.CreateWebhook].
func (d *Directory) CreateWebhook(ctx context.Context, p store.CreateWebhook) error {
	err := d.store.CreateWebhook(ctx, p)
	d.Forget(p.Webhook)
	return err
}

// maxConflicts is how often a change is tried again when someone else's came in between.
const maxConflicts = 20

// ChangeWebhook reads a webhook of an owner, applies change to a copy of it and stores the copy. If another caller changed
// the webhook meanwhile, it starts over. A copy with the same settings is not stored: version, UpdatedAt and audit log stay
// as they are. change replaces slices and maps instead of modifying them; ChangeWebhook returns its error. audit, if not
// nil, makes the entry that goes into the audit log with the change. ChangeWebhook fails with [store.ErrNotFound] if the
// owner has no such webhook.
func (d *Directory) ChangeWebhook(
	ctx context.Context, owner store.OwnerRef, id carteiro.ID, change func(*carteiro.Webhook) error,
	audit func(before, after *carteiro.Webhook) *carteiro.AuditEntry,
) (*carteiro.Webhook, error) {
	for range maxConflicts {
		stored, err := d.OwnWebhook(ctx, owner, id)
		if err != nil {
			return nil, err
		}
		changed := *stored
		if err := change(&changed); err != nil {
			return nil, err
		}
		if stored.SameSettings(&changed, changed.UpdatedAt) {
			return stored, nil
		}
		p := store.UpdateWebhook{Webhook: &changed}
		if audit != nil {
			p.Audit = audit(stored, &changed)
		}
		err = d.store.UpdateWebhook(ctx, p)
		d.Forget(&changed)
		if err == nil || errors.Is(err, store.ErrUnavailable) { // it may have been carried out all the same
			d.tell(id)
		}
		if err == nil && changed.Deleted() {
			d.cleanDeleted(ctx, changed.DeletedAt, []carteiro.ID{id})
		}
		if err == nil || !errors.Is(err, store.ErrConflict) {
			return &changed, err
		}
	}
	return nil, store.ErrConflict
}

// DisableFailing is [store.Circuits.DisableFailing].
func (d *Directory) DisableFailing(ctx context.Context, p store.DisableFailing) ([]*carteiro.Webhook, error) {
	disabled, err := d.store.DisableFailing(ctx, p)
	if err != nil { // it may have disabled some all the same
		cached := d.cached(func(*carteiro.Webhook) bool { return true })
		d.forgetAll()
		d.tell(cached...)
	}
	for _, w := range disabled {
		d.Forget(w)
		d.tell(w.ID)
	}
	return disabled, err
}

func (d *Directory) tell(webhooks ...carteiro.ID) {
	if d.Changed != nil && len(webhooks) > 0 {
		d.Changed(webhooks...)
	}
}

// OwnWebhook reads a webhook that is not deleted from the store, past the cache.
// It fails with [store.ErrNotFound] when the owner has no such webhook.
func (d *Directory) OwnWebhook(ctx context.Context, owner store.OwnerRef, id carteiro.ID) (*carteiro.Webhook, error) {
	w, err := d.PastOrPresentWebhook(ctx, owner, id)
	if err == nil && w.Deleted() {
		return nil, store.ErrNotFound
	}
	return w, err
}

// PastOrPresentWebhook is [Directory.OwnWebhook] for deleted webhooks too, whose logs stay readable.
func (d *Directory) PastOrPresentWebhook(ctx context.Context, owner store.OwnerRef, id carteiro.ID) (*carteiro.Webhook, error) {
	w, err := d.store.GetWebhook(ctx, id)
	if err != nil {
		return nil, err
	}
	if w.EnvironmentID != owner.EnvironmentID || w.OwnerKind != owner.Kind || w.OwnerID != owner.ID {
		return nil, store.ErrNotFound
	}
	return w, nil
}

// Forget drops what is cached of a webhook: it was changed by other means than the directory's.
func (d *Directory) Forget(w *carteiro.Webhook) {
	d.forget([]store.OwnerRef{{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID}}, []carteiro.ID{w.ID})
}

// Seen drops a cached webhook that is older than this version, or whose circuit is in another state: the store has been
// seen with these.
func (d *Directory) Seen(webhook carteiro.ID, version int64, circuitOpen bool) {
	d.mu.RLock()
	cached, ok := d.webhooks.entries[webhook]
	d.mu.RUnlock()
	if !ok || cached.value.Version < version || cached.value.Circuit.Open() != circuitOpen {
		d.forget(nil, []carteiro.ID{webhook}) // what is being read may be older, too
	}
}

// Hear drops what another node says was changed.
func (d *Directory) Hear(h store.Hint) {
	switch {
	case h.Lost:
		d.forgetAll()
	case len(h.Owners)+len(h.Webhooks) > 0:
		d.forget(h.Owners, h.Webhooks)
	}
}

func (d *Directory) forgetAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	dropAll(d, &d.owners)
	dropAll(d, &d.webhooks)
	dropAll(d, &d.tokens)
}

// forget is called also when a change has failed: it may have happened all the same.
func (d *Directory) forget(owners []store.OwnerRef, webhooks []carteiro.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	for _, ref := range owners {
		drop(d, &d.owners, ref)
	}
	for _, id := range webhooks {
		drop(d, &d.webhooks, id)
	}
}
