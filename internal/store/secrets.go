package store

import "context"

// Secrets are the verbs on how the webhooks' secrets are encrypted. A database is opened with keys, of which the first
// encrypts whatever is stored from then on; these verbs are for what was stored before.
type Secrets interface {
	// SecretKeys says which keys the secrets of webhooks are encrypted with, and how many webhooks each has, in the order of
	// the keys' names. Deleted webhooks need no key: their secrets are erased.
	SecretKeys(ctx context.Context) ([]SecretKey, error)
	// Reseal encrypts secrets anew with the database's first key, or leaves them open when none of its keys encrypts: those of at most
	// p.Limit webhooks, and says how many it were. Nothing else of a webhook changes, its version included. Any number of
	// calls at once share the work; one that gets nothing has left it to the others, or there is none.
	Reseal(ctx context.Context, p Reseal) (int, error)
}

// SecretKey is how many webhooks have secrets that are encrypted with one key.
type SecretKey struct {
	Name     string // "" for none: the secrets lie open
	Webhooks int
}

// Reseal is the parameter of [Secrets.Reseal].
type Reseal struct {
	// Key is the name of the key to replace; "" for none. With the name of the first key it is for webhooks with headers that
	// count as secret by now and did not when they were stored; while a node runs that could not read them, there are none.
	Key   string
	Limit int
}
