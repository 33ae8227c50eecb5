// Package directory knows what is registered: who may ask, which agents and campaigns there are, and which webhooks
// want an event. It reads the store through a bounded cache, so that neither publishing nor sending costs a query, and
// every change of the registry goes through it, so that no change is made without the cache being told.
//
// What this node changes holds on this node at once. What other processes change holds within [Freshness], sooner when
// they tell, and at once for what is claimed after ([Directory.Seen]).
package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/eviction"
	"github.com/carteiro/carteiro/internal/store"
)

// Freshness is how long an entry of the cache may serve before it is read again.
const Freshness = time.Second

// Store is what the directory needs of the store.
type Store interface {
	store.Environments
	store.Tokens
	store.Registry
	store.Circuits
	store.Deletions
}

// Directory is the registry with a cache before it. It is safe for concurrent use. What it hands out is shared:
// callers do not change it.
type Directory struct {
	// Changed, if not nil, is told of webhooks that were changed here. It is set before anything is asked.
	Changed func(webhooks ...carteiro.ID)

	store Store
	// shared says that other nodes change the registry too, so that its entries go stale by themselves.
	shared bool

	loads *budget.Budget // reads of lists of webhooks that are under way

	mu       sync.RWMutex
	room     *eviction.Policy // of all the maps together
	owners   cache[store.OwnerRef, *subscriptions]
	webhooks cache[carteiro.ID, *carteiro.Webhook]
	tokens   cache[carteiro.TokenHash, carteiro.Token]
	uses     map[carteiro.ID]time.Time // of tokens, since they were last stored
	// changes counts what was forgotten. Whoever reads the store notes it before and caches only if it is the same
	// after; otherwise what was read may be older than the change.
	changes uint64
}

// subscriptions are an owner and the webhooks that belong to it.
type subscriptions struct {
	owner    carteiro.Owner
	webhooks []*carteiro.Webhook
}

// New makes a directory with an empty cache of [DefaultCacheBytes]. shared says whether other processes change agents, campaigns and
// webhooks in the same database; tokens are always taken to be.
func New(s Store, shared bool) *Directory { return NewSized(s, shared, DefaultCacheBytes) }

// NewSized is [New] with a cache of so many bytes.
func NewSized(s Store, shared bool, cacheBytes int64) *Directory {
	return &Directory{
		store:    s,
		shared:   shared,
		loads:    budget.New(maxLoads),
		room:     eviction.New(cacheBytes),
		owners:   newCache[store.OwnerRef](weighSubscriptions),
		webhooks: newCache[carteiro.ID](weighWebhook),
		tokens:   newCache[carteiro.TokenHash](weighToken),
		uses:     make(map[carteiro.ID]time.Time),
	}
}

// CacheBytes returns about how much memory the cache takes, in bytes.
func (d *Directory) CacheBytes() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.room.Used()
}

// Webhook gives a webhook by its id, deleted ones included. It fails with [store.ErrNotFound].
func (d *Directory) Webhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	return lookUp(ctx, d, &d.webhooks, id, d.shared, func() (*carteiro.Webhook, error) {
		return d.store.GetWebhook(ctx, id)
	})
}

// Owner gives an agent or campaign. It fails with [store.ErrNotFound].
func (d *Directory) Owner(ctx context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	subs, err := d.subscriptions(ctx, ref)
	if err != nil {
		return carteiro.Owner{}, err
	}
	return subs.owner, nil
}

// Recipients are the webhooks that want an event, with the names that go into its envelope.
type Recipients struct {
	Owner    carteiro.Owner
	Campaign carteiro.Owner // of an agent's event that belongs to one
	Webhooks []*carteiro.Webhook
	// Undelivered is why there are no webhooks, if there are none.
	Undelivered carteiro.Undelivered
}

// Recipients finds who wants an event of this type that happened to owner. campaign is that of an agent's event, zero
// when it has none. It fails with [ErrOwnerNotFound] or [ErrCampaignNotFound].
func (d *Directory) Recipients(ctx context.Context, owner store.OwnerRef, campaign carteiro.ID, eventType string) (Recipients, error) {
	subs, err := d.subscriptions(ctx, owner)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrOwnerNotFound
	}
	if err != nil {
		return Recipients{}, err
	}
	r := Recipients{Owner: subs.owner, Webhooks: wanting(nil, subs.webhooks, owner.Kind, eventType)}
	if campaign.IsZero() || owner.Kind != carteiro.OwnerAgent {
		if len(r.Webhooks) == 0 {
			r.Undelivered = whyNone(owner.Kind, eventType, subs.webhooks, nil)
		}
		return r, nil
	}
	own := subs.webhooks
	subs, err = d.subscriptions(ctx, store.OwnerRef{EnvironmentID: owner.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: campaign})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrCampaignNotFound
	}
	if err != nil {
		return Recipients{}, err
	}
	r.Campaign = subs.owner
	r.Webhooks = wanting(r.Webhooks, subs.webhooks, owner.Kind, eventType)
	if len(r.Webhooks) == 0 {
		r.Undelivered = whyNone(owner.Kind, eventType, own, subs.webhooks)
	}
	return r, nil
}

// The errors of [Directory.Recipients].
var (
	ErrOwnerNotFound    = fmt.Errorf("agent or campaign: %w", store.ErrNotFound)
	ErrCampaignNotFound = fmt.Errorf("campaign of the call: %w", store.ErrNotFound)
)

func wanting(found, webhooks []*carteiro.Webhook, kind carteiro.OwnerKind, eventType string) []*carteiro.Webhook {
	for _, w := range webhooks {
		if w.Wants(kind, eventType) {
			found = append(found, w)
		}
	}
	return found
}

// whyNone says why none of the webhooks wants an event: those of its owner, and those of its call's campaign.
func whyNone(kind carteiro.OwnerKind, eventType string, own, campaigns []*carteiro.Webhook) carteiro.Undelivered {
	why := carteiro.NoWebhook
	for _, webhooks := range [][]*carteiro.Webhook{own, campaigns} {
		for _, w := range webhooks {
			if w.Subscribes(kind, eventType) {
				return carteiro.WebhooksDisabled
			}
			why = carteiro.NotSubscribed
		}
	}
	return why
}

func (d *Directory) subscriptions(ctx context.Context, ref store.OwnerRef) (*subscriptions, error) {
	return lookUp(ctx, d, &d.owners, ref, d.shared, func() (*subscriptions, error) {
		load := d.loads.Open(ref.EnvironmentID)
		if err := load.Wait(ctx, 1); err != nil {
			return nil, err
		}
		defer load.Close()
		owner, err := d.store.GetOwner(ctx, ref)
		if err != nil {
			return nil, err
		}
		webhooks, err := d.store.ListWebhooks(ctx, ref)
		if err != nil {
			return nil, err
		}
		return &subscriptions{owner: owner, webhooks: webhooks}, nil
	})
}
