// Package eviction bounds the memory of a cache. It decides which items the cache drops when it holds more bytes than it may:
// items of the environment that uses most of them. An environment that uses less than an equal part of the cache therefore keeps
// all of its items, whatever the others do.
package eviction

import (
	"container/heap"
	"math/rand/v2"

	"github.com/carteiro/carteiro"
)

// Policy is the bound of one cache. It is not safe for concurrent use: the mutex of the cache guards it.
type Policy struct {
	limit, used int64

	tenants map[carteiro.ID]*tenant
	largest tenants // the one that uses most comes first
}

// Item is what the policy knows of one item of the cache.
type Item struct {
	size   int64
	drop   func()
	tenant *tenant
	index  int // in its tenant's items
}

// tenant is an environment with items in the cache.
type tenant struct {
	environment carteiro.ID
	used        int64
	items       []*Item
	index       int // in largest
}

// New returns a policy for a cache of limit bytes.
func New(limit int64) *Policy {
	return &Policy{limit: limit, tenants: make(map[carteiro.ID]*tenant)}
}

// Used returns how many bytes the items in the cache have.
func (p *Policy) Used() int64 { return p.used }

// Fits reports whether an item of size bytes may be cached at all: a few of them must not evict everything else.
func (p *Policy) Fits(size int64) bool { return size <= p.limit/4 }

// Add admits an item of size bytes, which must fit, and evicts others until the cache is within its limit. It calls drop of each
// evicted item, which removes the item from the cache and must not call the policy.
func (p *Policy) Add(environment carteiro.ID, size int64, drop func()) *Item {
	t := p.tenants[environment]
	if t == nil {
		t = &tenant{environment: environment}
		p.tenants[environment] = t
		heap.Push(&p.largest, t)
	}
	item := &Item{size: size, drop: drop, tenant: t, index: len(t.items)}
	t.items = append(t.items, item)
	p.charge(t, size)
	for p.used > p.limit {
		victim := p.victim(item)
		p.Remove(victim)
		victim.drop()
	}
	return item
}

// victim returns a random item of the environment that uses most. Random choice needs no bookkeeping when an item is used, and unlike
// the oldest it still leaves some hits if slightly more items are in use than fit. The new item is not chosen: it is about to be used.
func (p *Policy) victim(added *Item) *Item {
	t := p.largest[0]
	if t == added.tenant && len(t.items) == 1 && len(p.largest) > 1 {
		t = p.largest[1]
		if len(p.largest) > 2 && p.largest[2].used > t.used {
			t = p.largest[2]
		}
	}
	i := rand.IntN(len(t.items)) //nolint:gosec // the choice is no secret
	if t.items[i] == added {
		i = (i + 1) % len(t.items)
	}
	return t.items[i]
}

// Remove releases an item that the cache has dropped. It does nothing for nil and for items that were removed before.
func (p *Policy) Remove(item *Item) {
	if item == nil || item.tenant == nil {
		return
	}
	t := item.tenant
	item.tenant = nil
	last := len(t.items) - 1
	t.items[item.index] = t.items[last]
	t.items[item.index].index = item.index
	t.items[last] = nil
	t.items = t.items[:last]
	p.charge(t, -item.size)
	if last == 0 {
		heap.Remove(&p.largest, t.index)
		delete(p.tenants, t.environment)
	}
}

func (p *Policy) charge(t *tenant, size int64) {
	p.used += size
	t.used += size
	heap.Fix(&p.largest, t.index)
}

// tenants are a heap.
type tenants []*tenant

// Len, Less, Swap, Push and Pop are container/heap's.
func (s tenants) Len() int           { return len(s) }
func (s tenants) Less(i, j int) bool { return s[i].used > s[j].used }
func (s tenants) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements heap.Interface.
func (s *tenants) Push(x any) {
	t := x.(*tenant) //nolint:forcetypeassert // nothing else is pushed
	t.index = len(*s)
	*s = append(*s, t)
}

// Pop implements heap.Interface.
func (s *tenants) Pop() any {
	last := len(*s) - 1
	t := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return t
}
