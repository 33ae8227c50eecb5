// Package tail lets people follow a webhook's delivery log. It stands before the store and tells those who listen that a
// webhook's log has changed here; what has changed they read from the store, as they do for what other nodes have
// notify. While nobody listens it costs one look at a number.
package tail

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Hub knows who listens to which webhook.
type Hub struct {
	listeners atomic.Int64

	mu     sync.Mutex
	chans  map[carteiro.ID]map[chan struct{}]carteiro.ID // of each webhook, with the environment of each
	counts map[carteiro.ID]int                           // of each environment
	closed chan struct{}
}

// NewHub makes a hub that nobody listens to.
func NewHub() *Hub {
	return &Hub{
		chans:  make(map[carteiro.ID]map[chan struct{}]carteiro.ID),
		counts: make(map[carteiro.ID]int),
		closed: make(chan struct{}),
	}
}

// MaxListeners is how many may listen at once in an environment.
const MaxListeners = 32

// Listen gives a channel on which it is told, any number of changes at once, that the webhook's log has changed. leave ends
// that. When too many of the environment listen already, ok is false.
func (h *Hub) Listen(environment, webhook carteiro.ID) (changed <-chan struct{}, leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts[environment] >= MaxListeners {
		return nil, nil, false
	}
	c := make(chan struct{}, 1)
	if h.chans[webhook] == nil {
		h.chans[webhook] = make(map[chan struct{}]carteiro.ID)
	}
	h.chans[webhook][c] = environment
	h.counts[environment]++
	h.listeners.Add(1)
	return c, sync.OnceFunc(func() { h.leave(environment, webhook, c) }), true
}

func (h *Hub) leave(environment, webhook carteiro.ID, c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.chans[webhook], c); len(h.chans[webhook]) == 0 {
		delete(h.chans, webhook)
	}
	if h.counts[environment]--; h.counts[environment] == 0 {
		delete(h.counts, environment)
	}
	h.listeners.Add(-1)
}

// Close tells all who listen that the server stops. It can be called more than once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
}

// Closed is closed when the server stops.
func (h *Hub) Closed() <-chan struct{} { return h.closed }

// notify tells those who listen to a webhook.
func (h *Hub) notify(webhook carteiro.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.chans[webhook] {
		select {
		case c <- struct{}{}:
		default: // told already
		}
	}
}

// Watch gives a store whose changes of the log the hub tells.
func (h *Hub) Watch(s store.Store) store.Store { return watchedStore{s, h} }

type watchedStore struct {
	store.Store
	hub *Hub
}

// Accept implements store.Queue.
func (w watchedStore) Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) {
	result, err := w.Store.Accept(ctx, p)
	if w.hub.listeners.Load() > 0 {
		for i := range p.Items {
			for j := range p.Items[i].Attempts {
				w.hub.notify(p.Items[i].Attempts[j].WebhookID)
			}
		}
	}
	return result, err
}

// Record implements store.Queue.
func (w watchedStore) Record(ctx context.Context, p store.Record) ([]store.Recorded, error) {
	recorded, err := w.Store.Record(ctx, p)
	if w.hub.listeners.Load() > 0 {
		for i := range p.Results {
			w.hub.notify(p.Results[i].Delivery.WebhookID)
		}
	}
	return recorded, err
}

// Retry implements store.Queue.
func (w watchedStore) Retry(ctx context.Context, p store.Retry) (store.RetryResult, error) {
	result, err := w.Store.Retry(ctx, p)
	if w.hub.listeners.Load() > 0 {
		w.hub.notify(p.WebhookID)
	}
	return result, err
}

// StepBulkRetry implements store.BulkRetries.
func (w watchedStore) StepBulkRetry(ctx context.Context, p store.StepBulkRetry) (store.BulkStep, error) {
	step, err := w.Store.StepBulkRetry(ctx, p)
	if step.Retried > 0 && w.hub.listeners.Load() > 0 {
		w.hub.notify(step.Job.WebhookID)
	}
	return step, err
}
