package storetest

import (
	"context"

	"github.com/carteiro/carteiro/internal/store"
)

// The model has no key: the secrets it knows lie open.

func (m *model) SecretKeys(context.Context) ([]store.SecretKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	open := 0
	for _, w := range m.webhooks {
		if w.Secret != "" || w.AuthorizationValue != "" {
			open++
		}
	}
	if open == 0 {
		return nil, nil
	}
	return []store.SecretKey{{Webhooks: open}}, nil
}

func (m *model) Reseal(context.Context, store.Reseal) (int, error) { return 0, nil }
