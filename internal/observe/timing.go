package observe

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Verbs of which nothing but the time is of interest.

// Backlog implements store.Queue.
func (w instrumentedStore) Backlog(ctx context.Context, p store.Backlog) ([]store.Waiting, error) {
	return timeCall(w.m, backlog, func() ([]store.Waiting, error) { return w.Store.Backlog(ctx, p) })
}

// Purge implements store.Queue.
func (w instrumentedStore) Purge(ctx context.Context, p store.Purge) (bool, error) {
	return timeCall(w.m, purge, func() (bool, error) { return w.Store.Purge(ctx, p) })
}

// ListLogs implements store.Logs.
func (w instrumentedStore) ListLogs(ctx context.Context, p store.ListLogs) (store.LogPage, error) {
	return timeCall(w.m, listLogs, func() (store.LogPage, error) { return w.Store.ListLogs(ctx, p) })
}

// GetLog implements store.Logs.
func (w instrumentedStore) GetLog(ctx context.Context, ref store.AttemptRef) (*carteiro.Attempt, error) {
	return timeCall(w.m, getLog, func() (*carteiro.Attempt, error) { return w.Store.GetLog(ctx, ref) })
}

// GetLogs implements store.Logs.
func (w instrumentedStore) GetLogs(ctx context.Context, webhook carteiro.ID, ids []carteiro.ID) ([]*carteiro.Attempt, error) {
	return timeCall(w.m, getLogs, func() ([]*carteiro.Attempt, error) { return w.Store.GetLogs(ctx, webhook, ids) })
}

// Overview implements store.Logs.
func (w instrumentedStore) Overview(ctx context.Context, p store.Overview) (store.OverviewResult, error) {
	return timeCall(w.m, overview, func() (store.OverviewResult, error) { return w.Store.Overview(ctx, p) })
}

// Vitals implements store.Logs.
func (w instrumentedStore) Vitals(ctx context.Context) (store.Vitals, error) {
	return timeCall(w.m, vitals, func() (store.Vitals, error) { return w.Store.Vitals(ctx) })
}

// GetWebhook implements store.Registry.
func (w instrumentedStore) GetWebhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	return timeCall(w.m, getWebhook, func() (*carteiro.Webhook, error) { return w.Store.GetWebhook(ctx, id) })
}

// ListWebhooks implements store.Registry.
func (w instrumentedStore) ListWebhooks(ctx context.Context, ref store.OwnerRef) ([]*carteiro.Webhook, error) {
	return timeCall(w.m, listWebhooks, func() ([]*carteiro.Webhook, error) { return w.Store.ListWebhooks(ctx, ref) })
}

// FindWebhooks implements store.Registry.
func (w instrumentedStore) FindWebhooks(ctx context.Context, p store.FindWebhooks) ([]store.FoundWebhook, int, error) {
	begun := time.Now()
	found, total, err := w.Store.FindWebhooks(ctx, p)
	w.m.done(findWebhooks, begun, err)
	return found, total, err
}

// CreateWebhook implements store.Registry.
func (w instrumentedStore) CreateWebhook(ctx context.Context, p store.CreateWebhook) error {
	begun := time.Now()
	err := w.Store.CreateWebhook(ctx, p)
	w.m.done(createWebhook, begun, err)
	return err
}

// UpdateWebhook implements store.Registry.
func (w instrumentedStore) UpdateWebhook(ctx context.Context, p store.UpdateWebhook) error {
	begun := time.Now()
	err := w.Store.UpdateWebhook(ctx, p)
	w.m.done(updateWebhook, begun, err)
	return err
}

// PutOwner implements store.Registry.
func (w instrumentedStore) PutOwner(ctx context.Context, p store.PutOwner) (carteiro.Owner, bool, error) {
	begun := time.Now()
	owner, created, err := w.Store.PutOwner(ctx, p)
	w.m.done(putOwner, begun, err)
	return owner, created, err
}

// Ping implements store.Store.
func (w instrumentedStore) Ping(ctx context.Context) error {
	begun := time.Now()
	err := w.Store.Ping(ctx)
	w.m.done(ping, begun, err)
	return err
}

func timeCall[T any](m *Metrics, v call, do func() (T, error)) (T, error) {
	begun := time.Now()
	result, err := do()
	m.done(v, begun, err)
	return result, err
}
