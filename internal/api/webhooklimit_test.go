package api_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/carteiro/carteiro/internal/api"
)

// However many ask at once, an owner gets as many webhooks as it may have, and whoever is turned away is told why.
func TestAnOwnerHasOnlySoManyWebhooks(t *testing.T) {
	for plural, message := range map[string]string{
		"agents": "An agent may have at most 3 webhooks.", "campaigns": "A campaign may have at most 3 webhooks.",
	} {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t, func(c *api.Config) { c.MaxWebhooks = 3 })
			o := w.newOwner(w.home, plural)
			settings := map[string]any{"name": "x", "webhook_url": "https://example.com", "events": []string{o.event}}
			full := fmt.Sprintf(`{"success":false,"message":%q,"code":"WEBHOOK_LIMIT_EXCEEDED"}`, message)
			var all sync.WaitGroup
			var created atomic.Int32
			for range 10 {
				all.Go(func() {
					if r := w.call("POST", o.hooks, settings); r.status == http.StatusCreated {
						created.Add(1)
					} else {
						r.is(http.StatusConflict, full)
					}
				})
			}
			all.Wait()
			if n := created.Load(); n != 2 {
				t.Errorf("%d were created beside the first", n)
			}
			w.call("POST", o.hooks, "{}").has(http.StatusUnprocessableEntity)
			w.call("PUT", o.hook, map[string]any{"name": "changed"}).has(http.StatusOK)
			w.call("DELETE", o.hook, nil).has(http.StatusOK)
			w.call("POST", o.hooks, settings).has(http.StatusCreated)
			w.newOwner(w.home, plural) // has a count of its own
		})
	}
}
