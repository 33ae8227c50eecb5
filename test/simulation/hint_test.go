package simulation_test

import (
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Nodes on PostgreSQL tell each other what has changed. Such hints come within moments or are lost; after a lost one a node may
// be told that some were.

// hint sends a hint to the other node.
func (l *link) hint(h store.Hint) {
	if !l.w.plan.hints || len(h.Waiting)+len(h.Owners)+len(h.Webhooks) == 0 {
		return
	}
	l.mu.Lock()
	l.hints++
	r := l.w.plan.roll("hint", l.slot, l.life, l.hints)
	l.mu.Unlock()
	after := between(r, 0, 200*time.Millisecond)
	if luck := r.IntN(10); luck == 0 && !l.w.calm() {
		return
	} else if luck == 1 && !l.w.calm() {
		h, after = store.Hint{Lost: true}, after+between(r, 0, 5*time.Second)
	}
	l.w.background.Go(func() {
		pass(after)
		n := l.w.living(1 - l.slot)
		if n == nil {
			return
		}
		if lives, _ := n.standing(); lives {
			n.directory.Hear(h)
			n.dispatcher.Hear(h)
		}
	})
}

// hintWaiting sends a hint of the attempts that nobody holds.
func (l *link) hintWaiting(items []store.AcceptItem) {
	var h store.Hint
	for _, item := range items {
		for _, a := range item.Attempts {
			if !a.Held {
				h.Waiting = append(h.Waiting, a.WebhookID)
			}
		}
	}
	l.hint(h)
}

// hintRecorded sends a hint of the webhooks that a record has changed.
func (l *link) hintRecorded(p *store.Record, recorded []store.Recorded) {
	var h store.Hint
	for i, r := range recorded {
		if r.Disabled || r.Circuit != carteiro.CircuitUnchanged {
			h.Webhooks = append(h.Webhooks, p.Results[i].Delivery.WebhookID)
		}
	}
	l.hint(h)
}
