package postgres

import (
	"carteiro"
	"carteiro/internal/store"
)

// change is a change of the registry that other nodes are told of.
type change struct {
	owner    store.OwnerRef
	webhooks []carteiro.ID
}

func (t *tx) tell(change) error { return nil }

type hints struct{}

func (hints) waiting([]carteiro.ID) {}
