// Package storetest is what every database must pass: the guarantees of the port, as stories and tables, and random
// histories that are held against a model of the port in memory. No test sleeps or asks for the time: every store is
// told what time it is.
package storetest

import (
	"slices"
	"testing"

	"github.com/carteiro/carteiro/internal/store"
)

// Run holds a database against the port: all of it, or the named parts. open gives an empty one that is closed when its
// test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store, only ...string) {
	for _, part := range []struct {
		name    string
		stories []story
	}{
		{"environments", environments},
		{"tokens", tokens},
		{"registry", registry},
		{"isolation", isolated},
		{"states of an attempt", states},
		{"sessions", sessions},
		{"accept", accepting},
		{"claim", claiming},
		{"record", recording},
		{"retry", retrying},
		{"circuits", circuits},
		{"notices", noticing},
		{"many at once", together},
		{"logs", logs},
		{"overview", overviews},
		{"bulk retries", bulks},
		{"events", events},
		{"replays", replays},
		{"deletions", deleting},
		{"deleted environments", deletingEnvironments},
		{"purge", purging},
		{"histories", histories},
	} {
		if len(only) > 0 && !slices.Contains(only, part.name) {
			continue
		}
		t.Run(part.name, func(t *testing.T) {
			for _, s := range part.stories {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, open(t))
					s.tell(w)
					w.wantHealthy()
				})
			}
		})
	}
}

// Audit holds a database against what the port says of the audit log, which the model in memory does not keep.
func Audit(t *testing.T, open func(t *testing.T) store.Store) {
	for _, s := range audits {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.tell(newWorld(t, open(t)))
		})
	}
}

// story is something that must hold.
type story struct {
	name string
	tell func(*world)
}
