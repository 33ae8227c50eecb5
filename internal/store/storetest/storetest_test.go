package storetest

import (
	"testing"

	"github.com/carteiro/carteiro/internal/store"
)

// The model passes what it is a model of.
func TestModelPassesTheSuite(t *testing.T) {
	Run(t, func(*testing.T) store.Store { return newModel() })
}
