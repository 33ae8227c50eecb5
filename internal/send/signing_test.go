package send_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/signature"
)

const vectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// sent is what a receiver gets from a webhook, and what the log shows of it.
func sent(t *testing.T, change func(*carteiro.Webhook)) (received, http.Header) {
	t.Helper()
	url, got := receiver(t, ok)
	w := webhook(url)
	change(w)
	o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{"call":{"id":"c1"}}`))
	if !o.Success {
		t.Fatal(o.Error, o.Detail)
	}
	return got(), o.RequestHeaders
}

// Svix's own library is the judge of whether its receivers need no change.
func TestAReceiverBuiltForSvixVerifiesUnchanged(t *testing.T) {
	for style, want := range map[carteiro.HeaderStyle]struct{ standard, svix bool }{
		"": {true, false}, carteiro.HeadersStandard: {true, false}, carteiro.HeadersSvix: {false, true}, carteiro.HeadersBoth: {true, true},
	} {
		r, shown := sent(t, func(w *carteiro.Webhook) { w.Secret, w.HeaderStyle = vectorSecret, style })
		for name, there := range map[string]bool{
			"webhook-id": want.standard, "webhook-timestamp": want.standard, "webhook-signature": want.standard,
			"svix-id": want.svix, "svix-timestamp": want.svix, "svix-signature": want.svix,
		} {
			if (r.Header.Get(name) != "") != there || (len(shown[name]) > 0) != there {
				t.Errorf("%q: %s is %q, shown as %q", style, name, r.Header.Get(name), shown[name])
			}
		}
		theirs, err := svix.NewWebhook(vectorSecret)
		if err != nil {
			t.Fatal(err)
		}
		if want.svix {
			only := http.Header{}
			for _, name := range []string{"svix-id", "svix-timestamp", "svix-signature"} {
				only.Set(name, r.Header.Get(name))
			}
			if err := theirs.Verify(r.body, only); err != nil {
				t.Errorf("%q: Svix's library: %v", style, err)
			}
			if err := theirs.Verify(append(r.body, ' '), only); err == nil {
				t.Errorf("%q: Svix's library verifies what was changed", style)
			}
		}
		if want.standard {
			verify(t, vectorSecret, r, true)
		}
	}
}

func verify(t *testing.T, secret string, r received, want bool) {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := wh.Verify(r.body, r.Header); (err == nil) != want {
		t.Errorf("verified with %.10s…: %v, want %v", secret, err, want)
	}
}

func TestFormerSecretsSignUntilTheyEnd(t *testing.T) {
	former, ended := signature.NewSecret(), signature.NewSecret()
	r, _ := sent(t, func(w *carteiro.Webhook) {
		w.Secret = vectorSecret
		w.FormerSecrets = []carteiro.FormerSecret{
			{Secret: former, EndsAt: time.Now().Add(time.Hour)}, {Secret: ended, EndsAt: time.Now().Add(-time.Second)},
		}
	})
	verify(t, vectorSecret, r, true)
	verify(t, former, r, true)
	verify(t, ended, r, false)
	if n := len(strings.Fields(r.Header.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures: %s", n, r.Header.Get("webhook-signature"))
	}
	if plain := r.Header.Values("X-Webhook-Signature"); len(plain) != 1 || strings.Contains(plain[0], " ") {
		t.Errorf("the plain signature is %q: it has room for one", plain)
	}
}

// From a shared secret to a key pair a receiver gets through the overlap with either.
func TestADeliveryIsSignedWithAPrivateKeyAndTheSecretBeforeIt(t *testing.T) {
	private := signature.NewPrivateKey()
	public, err := signature.PublicKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := sent(t, func(w *carteiro.Webhook) {
		w.Secret, w.SignatureScheme = private, carteiro.SignatureEd25519
		w.FormerSecrets = []carteiro.FormerSecret{{Secret: vectorSecret, Scheme: carteiro.SignatureHMAC, EndsAt: time.Now().Add(time.Hour)}}
	})
	verify(t, vectorSecret, r, true)
	signatures := strings.Fields(r.Header.Get("webhook-signature"))
	if len(signatures) != 2 {
		t.Fatalf("signatures %q", signatures)
	}
	signed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signatures[0], "v1a,"))
	message := fmt.Appendf(nil, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.body)
	if err != nil || !ed25519.Verify(key, message, signed) {
		t.Errorf("%s is not verified by %s: %v", signatures[0], public, err)
	}
	if plain := r.Header.Values("X-Webhook-Signature"); plain != nil {
		t.Errorf("a plain signature without a shared secret: %q", plain)
	}
}
