package eviction_test

import (
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/eviction"
)

var greedy, modest = carteiro.ID{1}, carteiro.ID{2}

// cache counts the items that each environment holds.
type cache struct {
	*eviction.Policy
	held map[carteiro.ID]int
}

func newCache(limit int64) *cache {
	return &cache{Policy: eviction.New(limit), held: make(map[carteiro.ID]int)}
}

func (c *cache) add(environment carteiro.ID, size int64) *eviction.Item {
	c.held[environment]++
	return c.Add(environment, size, func() { c.held[environment]-- })
}

func TestTheCacheStaysWithinItsBytes(t *testing.T) {
	c := newCache(1000)
	for i := range 500 {
		c.add(carteiro.ID{byte(i % 7)}, int64(1+i%200))
		if c.Used() > 1000 {
			t.Fatalf("it holds %d bytes of 1000", c.Used())
		}
	}
	if c.Used() < 700 {
		t.Errorf("it holds only %d bytes of 1000", c.Used())
	}
}

func TestAnEnvironmentCannotEvictOneThatUsesLess(t *testing.T) {
	c := newCache(1000)
	for range 49 {
		c.add(modest, 10)
	}
	for range 1000 {
		c.add(greedy, 10)
	}
	if c.held[modest] != 49 || c.held[greedy] != 51 {
		t.Errorf("%d and %d items are left, want 49 and 51", c.held[modest], c.held[greedy])
	}
	// What it cached while it was alone gives way, too.
	c = newCache(1000)
	for range 100 {
		c.add(greedy, 10)
	}
	for range 50 {
		c.add(modest, 10)
	}
	if c.held[modest] != 50 || c.held[greedy] != 50 {
		t.Errorf("%d and %d items are left, want 50 and 50", c.held[modest], c.held[greedy])
	}
}

func TestTheAddedItemIsKept(t *testing.T) {
	c := newCache(100)
	for i := range 100 {
		dropped := false
		c.Add(carteiro.ID{byte(i)}, 25, func() { dropped = true })
		if dropped {
			t.Fatalf("item %d was evicted when it was added", i)
		}
	}
	if c.Fits(26) || !c.Fits(25) {
		t.Error("items of up to a quarter fit")
	}
}

func TestARemovedItemIsCountedNoMore(t *testing.T) {
	c := newCache(100)
	first, second := c.add(modest, 20), c.add(modest, 25)
	c.Remove(first)
	c.Remove(first)
	c.Remove(nil)
	if c.Used() != 25 {
		t.Errorf("%d bytes used, want 25", c.Used())
	}
	c.Remove(second)
	if c.Used() != 0 || c.held[modest] != 2 {
		t.Errorf("%d bytes used, %d items: removing must not call drop", c.Used(), c.held[modest])
	}
}
