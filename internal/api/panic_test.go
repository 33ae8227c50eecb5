package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/publish"
)

// panicking is a publisher that gives up with everything in its hands.
type panicking struct {
	api.Publisher
	with func(w *carteiro.Webhook) any
}

func (p panicking) Test(_ context.Context, w *carteiro.Webhook, _ publish.Event, _ publish.Names) (*carteiro.Outcome, error) {
	panic(p.with(w))
}

// Stack and value of a panic go into the log; a webhook, which is what handlers have in their hands, tells its id alone.
func TestAPanicTellsNoSecret(t *testing.T) {
	for name, with := range map[string]func(w *carteiro.Webhook) any{
		"the webhook":      func(w *carteiro.Webhook) any { return w },
		"its value":        func(w *carteiro.Webhook) any { return *w },
		"an error with it": func(w *carteiro.Webhook) any { return fmt.Errorf("cannot go on with %+v", w) },
		"many":             func(w *carteiro.Webhook) any { return []*carteiro.Webhook{w} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *api.Config) { c.Publisher = panicking{c.Publisher, with} })
			o := w.newOwner(w.home, "agents", "webhook_secret", "planted-secret", "authorization_scheme", "bearer",
				"authorization_value", "planted-bearer", "custom_headers", []any{map[string]string{"key": "X-Token", "value": "planted-header"}})
			w.call("POST", o.hook+"/secret/rotate", nil).has(200)
			w.call("POST", o.hook+"/test", nil).has(500, "Internal server error").lacks("planted", "goroutine")
			log := w.log.String()
			if !strings.Contains(log, "request panicked") || !strings.Contains(log, "panic_test.go") {
				t.Error("panic and stack are not in the log")
			}
			for _, secret := range []string{"planted", strings.TrimPrefix(w.home.token, "talq_")} {
				if strings.Contains(log, secret) {
					t.Errorf("the log holds %q: %s", secret, log)
				}
			}
		})
	}
}
