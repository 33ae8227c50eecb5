package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

const (
	// resealLimit is how many webhooks' secrets one transaction encrypts anew: few enough not to hold up those who publish.
	resealLimit = 100
	// resealPause is left between two such transactions, for the same reason.
	resealPause = 20 * time.Millisecond
)

// Reseal encrypts with the key of this name, the store's first, all secrets that lie open or are encrypted with others,
// batch by batch, and gives the number of webhooks. With no name there is no key: it does nothing. It is run once when a
// server starts, and not again and again: while two servers have their keys in different orders they would undo each
// other's work. The last one to be restarted finds all that those before it have stored. Stopped anywhere it can be run
// again, by any number of nodes at once.
func Reseal(ctx context.Context, s store.Secrets, first string) (webhooks int, err error) {
	if first == "" {
		return 0, nil
	}
	return reseal(ctx, s, first)
}

// Unseal decrypts all secrets, with the keys of a store that encrypts with none, and likewise gives the number of webhooks.
func Unseal(ctx context.Context, s store.Secrets) (webhooks int, err error) {
	return reseal(ctx, s, "")
}

// reseal has all secrets under the key of this name, or under none.
func reseal(ctx context.Context, s store.Secrets, name string) (webhooks int, err error) {
	keys, err := s.SecretKeys(ctx)
	if err != nil {
		return 0, err
	}
	var names []string
	for _, key := range keys {
		if key.Name != name {
			names = append(names, key.Name)
		}
	}
	if name != "" {
		names = append(names, name) // those with headers that count as secret since this release
	}
	for _, from := range names {
		for n := 1; n > 0; webhooks += n {
			if n, err = s.Reseal(ctx, store.Reseal{Key: from, Limit: resealLimit}); err != nil {
				return webhooks, fmt.Errorf("rewrite secrets: %w", err)
			}
			select {
			case <-time.After(resealPause):
			case <-ctx.Done():
				return webhooks, ctx.Err()
			}
		}
	}
	return webhooks, nil
}
