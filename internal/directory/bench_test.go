package directory_test

import (
	"strconv"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
)

// Who wants an event, once the cache knows: of ten webhooks one wants it, or all.
func BenchmarkRecipients(b *testing.B) {
	for _, wanting := range []int{1, 10} {
		b.Run(strconv.Itoa(wanting), func(b *testing.B) {
			r := newRegistry()
			for i := range 10 {
				w := &carteiro.Webhook{ID: ids.New(begin), OwnerKind: agent.Kind, OwnerID: agent.ID, Enabled: true, Events: []string{"event_recording"}}
				if i < wanting {
					w.Events = []string{"event_action"}
				}
				r.webhooks[w.ID] = w
			}
			d := directory.New(r, false)
			b.ReportAllocs()
			for b.Loop() {
				if to, err := d.Recipients(b.Context(), agent, carteiro.ID{}, "event_action"); err != nil || len(to.Webhooks) != wanting {
					b.Fatal(to, err)
				}
			}
			if r.reads > 1 {
				b.Errorf("the store was read %d times", r.reads)
			}
		})
	}
}
