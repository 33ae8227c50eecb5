package directory

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/eviction"
)

// Bounds of what the directory holds and reads.
const (
	// DefaultCacheBytes is how much memory the cache may take, in bytes.
	DefaultCacheBytes = 64 << 20
	// entryBytes is about what an entry takes besides its value, in bytes.
	entryBytes = 512
	// maxLoads is how many lists of webhooks are read at the same time. One environment may read half of them. A list of the largest
	// webhooks takes 15 MiB, and twice that while it is read.
	maxLoads = 8
)

// cache is one of the directory's maps. The directory's mutex guards it.
type cache[K comparable, T any] struct {
	entries map[K]entry[T]
	loads   map[K]*load[T] // reads under way
	// weigh returns whose a value is, and about how much memory it takes, in bytes.
	weigh func(T) (environment carteiro.ID, size int)
}

type entry[T any] struct {
	value  T
	readAt time.Time
	item   *eviction.Item
}

// load is a read that others wait for instead of reading the same.
type load[T any] struct {
	changes uint64 // of the directory when it began
	done    chan struct{}

	// Set before done is closed. Others use the value if it is kept: nothing was forgotten since the load began.
	value T
	err   error
	kept  bool
}

func newCache[K comparable, T any](weigh func(T) (carteiro.ID, int)) cache[K, T] {
	return cache[K, T]{entries: make(map[K]entry[T]), loads: make(map[K]*load[T]), weigh: weigh}
}

func weighWebhook(w *carteiro.Webhook) (carteiro.ID, int) { return w.EnvironmentID, w.Size() }

func weighSubscriptions(s *subscriptions) (carteiro.ID, int) {
	size := len(s.owner.Name)
	for _, w := range s.webhooks {
		size += w.Size()
	}
	return s.owner.EnvironmentID, size
}

func weighToken(t carteiro.Token) (carteiro.ID, int) {
	return t.EnvironmentID, len(t.Name) + entryBytes
}

// maxReads is how often something is read that was changed meanwhile.
const maxReads = 10

// lookUp returns the cached value of key, or reads it and caches it. Concurrent calls for one key share a read. What was changed while
// it was read is read again: whoever made the change may have been told already that it holds.
func lookUp[K comparable, T any](ctx context.Context, d *Directory, c *cache[K, T], key K, stale bool, read func() (T, error)) (value T, err error) {
	for reads := 0; reads < maxReads; {
		now := time.Now()
		d.mu.RLock()
		cached, ok := c.entries[key]
		d.mu.RUnlock()
		if ok && (!stale || now.Sub(cached.readAt) < Freshness) {
			return cached.value, nil
		}
		l, leads := begin(d, c, key)
		if leads {
			reads++
			carryOut(d, c, key, l, now, read)
			if value, err = l.value, l.err; err != nil || l.kept {
				return value, err
			}
			continue
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return value, ctx.Err()
		}
		if l.kept {
			return l.value, nil
		}
	}
	return value, nil
}

// begin returns the load of key that is under way, or a new one that the caller leads: it has to carry it out.
func begin[K comparable, T any](d *Directory, c *cache[K, T], key K) (l *load[T], leads bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := c.loads[key]; l != nil {
		return l, false
	}
	l = &load[T]{done: make(chan struct{}), changes: d.changes}
	c.loads[key] = l
	return l, true
}

// carryOut reads a value, and keeps it unless anything was forgotten since the load began: then what was read may be older.
func carryOut[K comparable, T any](d *Directory, c *cache[K, T], key K, l *load[T], now time.Time, read func() (T, error)) {
	finished := false
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(c.loads, key)
		if l.kept = finished && l.err == nil && l.changes == d.changes; l.kept {
			put(d, c, key, entry[T]{value: l.value, readAt: now})
		}
		close(l.done)
	}()
	l.value, l.err = read()
	finished = true // it has not panicked
}

// put caches a value, unless it is so large that it would evict too much. The mutex is held.
func put[K comparable, T any](d *Directory, c *cache[K, T], key K, e entry[T]) {
	drop(d, c, key)
	environment, size := c.weigh(e.value)
	if size += entryBytes; d.room.Fits(int64(size)) {
		e.item = d.room.Add(environment, int64(size), func() { delete(c.entries, key) })
		c.entries[key] = e
	}
}

// drop forgets a cached value. The mutex is held.
func drop[K comparable, T any](d *Directory, c *cache[K, T], key K) {
	d.room.Remove(c.entries[key].item)
	delete(c.entries, key)
}

// dropAll forgets all values. The mutex is held.
func dropAll[K comparable, T any](d *Directory, c *cache[K, T]) {
	for _, e := range c.entries {
		d.room.Remove(e.item)
	}
	clear(c.entries)
}
