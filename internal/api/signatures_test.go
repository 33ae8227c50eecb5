package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

// Whoever may only look, or send again, must find no signature anywhere: with one and the body beside it anybody can make
// a request that the receiver takes for genuine.
func TestSignaturesAreForThoseWhoMayHaveThingsSigned(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural, "webhook_secret", hookSecret, "header_style", "both")
			w.publish(o)
			sent := failedWith(500)
			sent.RequestHeaders = http.Header{
				"Content-Type": {"application/json"}, "webhook-signature": {"v1,cGxhbnRlZA=="}, "X-Webhook-Signature": {"sha256=706c616e746564"},
				"svix-signature": {"v1,cGxhbnRlZA=="}, "webhook-id": {"x"},
			}
			sent.RequestBody = []byte(`{}`)
			log := o.hook + "/logs/" + w.finish(o, sent, time.Time{})[0].ID.String()
			for scopes, may := range map[carteiro.Scopes]bool{
				carteiro.ScopeRead: false, carteiro.ScopeRead | carteiro.ScopeRetry: false, carteiro.ScopeRead | carteiro.ScopePublish: false,
				carteiro.ScopeRead | carteiro.ScopeWebhooks: true, carteiro.ScopeAll: true,
			} {
				who := w.allowed(scopes)
				cookie := w.signIn(who)
				answers := map[string]*reply{
					"list": w.callAs(who, "GET", o.hook+"/logs", nil), "entry": w.callAs(who, "GET", log, nil),
					"session": w.with(cookie, "GET", log, nil), "preview": w.callAs(who, "GET", log+"/preview", nil),
				}
				if scopes.Allow(carteiro.ScopeRetry) {
					answers["sample"] = w.callAs(who, "POST", o.hook+"/logs/retry", map[string]any{"dry_run": true})
				}
				for name, r := range answers {
					r.has(200, "webhook-signature", "svix-signature", "X-Webhook-Signature")
					if shows := strings.Contains(r.body, "v1,") && strings.Contains(r.body, "sha256="); shows != may {
						t.Errorf("%s shows a token with %s signatures: %v, want %v: %s", name, scopes, shows, may, r.body)
					}
					if !may && (strings.Contains(r.body, "v1,") || strings.Contains(r.body, "sha256=") || !strings.Contains(r.body, carteiro.Masked)) {
						t.Errorf("%s shows a token with %s a signature: %s", name, scopes, r.body)
					}
				}
				answers["preview"].has(200, `{"name":"webhook-signature","change":"changed","every_attempt":true}`)
				if !may {
					w.callAs(who, "GET", o.hook+"/deliveries/stream", nil).has(403, "lacks the scope webhooks")
				}
			}
			w.callAs(w.allowed(carteiro.ScopeWebhooks), "GET", o.hook+"/deliveries/stream", nil).has(403, "lacks the scope read")
		})
	}
}

func TestTheStreamOfALogShowsNoSignatureEither(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "webhook_secret", hookSecret)
	w.publish(o)
	r := w.stream(o, "", "Authorization", "Bearer "+w.allowed(carteiro.ScopeRead).token)
	sent := failedWith(500)
	sent.RequestHeaders = http.Header{"webhook-signature": {"v1,cGxhbnRlZA=="}}
	w.finish(o, sent, time.Time{})
	for !strings.Contains(r.data, carteiro.Masked) {
		if _, more := r.next(); !more || strings.Contains(r.data, "cGxhbnRlZA") {
			t.Fatalf("told %s, more: %v", r.data, more)
		}
	}
}
