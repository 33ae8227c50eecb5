package storetest

import (
	"bytes"
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// model is the port in its plainest form: everything in memory, found by looking at all of it. Random histories are
// held against it, and it passes the suite itself, so that the two say the same.
type model struct {
	store.Audit  // not asked: histories have no actors
	mu           sync.Mutex
	environments []carteiro.Environment
	tokens       []carteiro.Token
	owners       map[store.OwnerRef]carteiro.Owner
	webhooks     map[carteiro.ID]carteiro.Webhook
	sessions     map[int64]time.Time // until
	joined       int64
	events       map[carteiro.ID]carteiro.Event
	attempts     map[store.AttemptRef]*modelAttempt
	keys         map[modelKey]store.Key
	recorded     []modelRecord
	minutesFrom  time.Time // activity before is gone
	hoursFrom    time.Time
	jobs         []carteiro.BulkRetry
	notices      []carteiro.Notification
	noticed      int64
	cleaned      map[carteiro.ID]bool
}

// modelAttempt is an attempt, open as long as it has no outcome.
type modelAttempt struct {
	carteiro.Attempt
	lease int64
}

type modelKey struct {
	environment carteiro.ID
	key         string
}

var _ store.Store = (*model)(nil)

// NewModel gives the port in its plainest form, all in memory and gone with it: for tests that need a store that is right,
// and quick.
func NewModel() store.Store { return newModel() }

func newModel() *model {
	return &model{
		owners:   make(map[store.OwnerRef]carteiro.Owner),
		webhooks: make(map[carteiro.ID]carteiro.Webhook),
		sessions: make(map[int64]time.Time),
		events:   make(map[carteiro.ID]carteiro.Event),
		attempts: make(map[store.AttemptRef]*modelAttempt),
		keys:     make(map[modelKey]store.Key),
		cleaned:  make(map[carteiro.ID]bool),
	}
}

func (m *model) Ping(context.Context) error { return nil }
func (m *model) Close() error               { return nil }

// window gives a page of all.
func window[T any](all []T, offset, limit int) []T {
	all = all[min(offset, len(all)):]
	return all[:min(limit, len(all))]
}

func compareIDs(a, b carteiro.ID) int { return bytes.Compare(a[:], b[:]) }

func compareRefs(a, b store.AttemptRef) int {
	return cmp.Or(compareIDs(a.WebhookID, b.WebhookID), compareIDs(a.ID, b.ID))
}
