// Package budget limits the memory that clients can make a server hold: request bodies while they arrive and responses while
// they are read. There is one limit for the whole server, and a share of it for each environment, so that no tenant can use up
// the memory of the others.
package budget

import (
	"context"
	"errors"
	"sync"

	"github.com/carteiro/carteiro"
)

// Why memory is refused.
var (
	// ErrShare: the environment uses its share.
	ErrShare = errors.New("the environment uses all memory that one may use")
	// ErrFull: all environments together use the budget.
	ErrFull = errors.New("the memory budget is used up")
)

// Budget is the memory of a server. It is safe for concurrent use.
type Budget struct {
	limit, share int64

	mu      sync.Mutex
	used    int64
	by      map[carteiro.ID]int64 // of each environment that uses any
	waiting int
	freed   chan struct{} // closed when memory is released while somebody waits
}

// New returns a budget of limit bytes, of which one environment can use half.
func New(limit int64) *Budget {
	return &Budget{limit: limit, share: limit / 2, by: make(map[carteiro.ID]int64), freed: make(chan struct{})}
}

// Limit returns the size of the budget in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Used returns how many bytes are in use.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Account is what one request uses. It is not safe for concurrent use. The zero value uses no budget and refuses nothing.
type Account struct {
	budget      *Budget
	environment carteiro.ID
	held        int64
}

// Open returns an account of an environment; the zero environment is that of all requests without a valid token. A nil budget
// refuses nothing.
func (b *Budget) Open(environment carteiro.ID) Account {
	return Account{budget: b, environment: environment}
}

// Grow reserves n more bytes. It fails with [ErrShare] or [ErrFull] and then reserves nothing. An account never counts for more
// than a share, so that the largest request is possible while nothing else uses the share.
func (a *Account) Grow(n int64) error {
	if a.budget == nil || n <= 0 {
		return nil
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	return a.grow(n)
}

// grow is Grow with the mutex held.
func (a *Account) grow(n int64) error {
	b := a.budget
	n = min(n, b.share-a.held)
	switch {
	case b.by[a.environment]+n > b.share:
		return ErrShare
	case b.used+n > b.limit:
		return ErrFull
	}
	a.add(n)
	return nil
}

// Wait is Grow that waits for memory to be released. It fails with ctx's error only.
func (a *Account) Wait(ctx context.Context, n int64) error {
	if a.budget == nil || n <= 0 {
		return nil
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	for a.grow(n) != nil {
		b.waiting++
		freed := b.freed
		b.mu.Unlock()
		var err error
		select {
		case <-freed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		b.mu.Lock()
		b.waiting--
		if err != nil {
			return err
		}
	}
	return nil
}

// Shrink returns n bytes, at most what the account holds.
func (a *Account) Shrink(n int64) {
	if a.budget == nil || a.held == 0 || n <= 0 {
		return
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	a.add(-min(n, a.held))
	if b.waiting > 0 {
		close(b.freed)
		b.freed = make(chan struct{})
	}
}

// Held returns how many bytes the account has reserved.
func (a *Account) Held() int64 { return a.held }

// Close returns everything.
func (a *Account) Close() { a.Shrink(a.held) }

func (a *Account) add(n int64) {
	b := a.budget
	a.held += n
	b.used += n
	if b.by[a.environment] += n; b.by[a.environment] == 0 {
		delete(b.by, a.environment)
	}
}
