package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/signature"
)

func TestASecretOfOneSchemeDoesNotSignByTheOther(t *testing.T) {
	w := newWorld(t)
	private := signature.NewPrivateKey()
	public, err := signature.PublicKey(private)
	must(t, err)
	for _, kind := range plurals {
		o := w.newOwner(w.home, kind)
		for _, tt := range []struct {
			body string
			want []string
		}{
			{`{"webhook_secret":"whsec_YQ=="}`, []string{"webhook_secret: The webhook secret must hold between 24 and 64 bytes behind whsec_."}},
			{`{"webhook_secret":"whsec_` + strings.Repeat("QUFB", 22) + `"}`, []string{"webhook_secret: The webhook secret must hold between 24 and 64 bytes behind whsec_."}},
			{`{"webhook_secret":"hunter2","signature_scheme":"ed25519"}`, []string{"webhook_secret: The webhook secret format is invalid."}},
			{`{"signature_scheme":"rsa"}`, []string{"signature_scheme: The selected signature scheme is invalid."}},
			{`{"header_style":"Svix"}`, []string{"header_style: The selected header style is invalid."}},
			{`{"generate_secret":"yes"}`, []string{"generate_secret: The generate secret field must be true or false."}},
			{`{"generate_secret":true,"webhook_secret":"hunter2"}`,
				[]string{"generate_secret: The generate secret field must not be present when webhook secret is."}},
			{`{"custom_headers":[{"key":"Svix-Id","value":"1"}]}`, []string{"custom_headers.0.key: The selected custom_headers.0.key is invalid."}},
		} {
			if got := w.call("PUT", o.hook, tt.body).errors(); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q", tt.body, got, tt.want)
			}
		}
		w.call("PUT", o.hook, `{"webhook_secret":"x"}`).has(200, `"signature_scheme":"hmac"`, `"header_style":"standard"`).lacks("public_key")
		if got := w.call("PUT", o.hook, `{"signature_scheme":"ed25519"}`).errors(); len(got) != 1 {
			t.Errorf("a shared secret was taken for a private key: %q", got)
		}
		w.call("PUT", o.hook, `{"signature_scheme":"ed25519","webhook_secret":"`+private+`","header_style":"both"}`).
			has(200, `"signature_scheme":"ed25519"`, `"public_key":"`+public+`"`, `"header_style":"both"`).lacks(private[5:40])
		w.call("GET", o.hook, nil).has(200, public).lacks(private[5:40])
		w.call("PUT", o.hook, `{"signature_scheme":null,"webhook_secret":"","header_style":null}`).
			has(200, `"signature_scheme":"ed25519"`, `"header_style":"both"`, `"has_secret":true`)
		w.call("PUT", o.hook, `{"webhook_secret":null,"header_style":"standard"}`).
			has(200, `"signature_scheme":"hmac"`, `"header_style":"standard"`, `"has_secret":false`).lacks("public_key")
	}
}

func TestASecretThatIsMadeIsShownOnce(t *testing.T) {
	w := newDeliveringWorld(t, true)
	url, got := receiver(t, func(http.ResponseWriter, *http.Request) {})
	o := w.newOwner(w.home, "agents", "webhook_url", url)
	made := w.call("PUT", o.hook, `{"generate_secret":true}`).has(200, `"has_secret":true`).text("data.webhook_secret")
	must(t, signature.CheckSecret(made))
	w.call("GET", o.hook, nil).has(200).lacks(made, `"webhook_secret"`)
	w.call("GET", o.hooks, nil).has(200).lacks(made)
	w.publish(o)
	if r := <-got; !signedWith(t, r, made) {
		t.Errorf("%v is not signed with the secret that was shown", r.header)
	}
	again := w.call("POST", o.hooks, map[string]any{
		"name": "Two", "webhook_url": url, "events": []string{o.event}, "generate_secret": true, "signature_scheme": "ed25519",
	}).has(201, `"public_key":"whpk_`).lacks(`"webhook_secret"`, "whsk_")
	w.call("GET", o.hooks+"/"+again.text("data.id"), nil).has(200, again.text("data.public_key"))
}

// signedWith says whether one of the signatures is that of the secret.
func signedWith(t *testing.T, r received, secret string) bool {
	t.Helper()
	key, err := signature.ParseSecret(secret)
	must(t, err)
	at, err := time.ParseDuration(r.header.Get("Webhook-Timestamp") + "s")
	must(t, err)
	want := string(key.Sign(nil, r.header.Get("Webhook-Id"), int64(at/time.Second), []byte(r.body)))
	return slices.Contains(strings.Fields(r.header.Get("Webhook-Signature")), want)
}

func TestARotatedSecretSignsBesideTheNewOneUntilItEnds(t *testing.T) {
	w := newDeliveringWorld(t, true)
	url, got := receiver(t, func(http.ResponseWriter, *http.Request) {})
	for _, kind := range plurals {
		o := w.newOwner(w.home, kind, "webhook_url", url, "webhook_secret", "the first")
		rotate := o.hook + "/secret/rotate"
		before := time.Now()
		rotated := w.call("POST", rotate, nil).has(200, `"message":"Webhook secret rotated"`, `"signature_scheme":"hmac"`)
		second := rotated.text("data.webhook_secret")
		ends, err := time.Parse(time.RFC3339, rotated.text("data.previous_secrets.0.ends_at"))
		must(t, err)
		if ends.Before(before.Add(23*time.Hour)) || ends.After(time.Now().Add(25*time.Hour)) {
			t.Errorf("the former secret ends at %s", ends)
		}
		w.publish(o)
		if r := <-got; !signedWith(t, r, "the first") || !signedWith(t, r, second) {
			t.Errorf("%v is not signed with both", r.header)
		}
		w.call("GET", o.hook, nil).has(200, `"previous_secrets":[{`).lacks(second, "the first")

		// A secret of one's own, and another scheme: what signed before goes on.
		w.call("POST", rotate, `{"signature_scheme":"ed25519","overlap":3600}`).has(200, `"public_key":"whpk_`).lacks(`"webhook_secret"`)
		w.publish(o)
		r := <-got
		if n := len(strings.Fields(r.header.Get("Webhook-Signature"))); n != 3 || !signedWith(t, r, second) || !signedWith(t, r, "the first") {
			t.Errorf("%d signatures: %v", n, r.header)
		}
		hook := w.call("GET", o.hook, nil)
		for _, former := range []string{"0", "1"} {
			ends, err := time.Parse(time.RFC3339, hook.text("data.previous_secrets."+former+".ends_at"))
			if must(t, err); ends.After(time.Now().Add(61 * time.Minute)) {
				t.Errorf("a shorter overlap left a former secret until %s", ends)
			}
		}

		// Without an overlap there is one signature at once, as there is when the secret is replaced by an update.
		w.call("POST", rotate, `{"signature_scheme":"hmac","webhook_secret":"my own","overlap":0}`).has(200).lacks("previous_secrets", "my own")
		w.publish(o)
		if r := <-got; !signedWith(t, r, "my own") || strings.Contains(r.header.Get("Webhook-Signature"), " ") {
			t.Errorf("not signed with the new one alone: %v", r.header)
		}
		w.call("POST", rotate, nil).has(200, "previous_secrets")
		w.call("PUT", o.hook, `{"webhook_secret":"replaced"}`).has(200).lacks("previous_secrets")
	}
}

func TestARotationIsRefusedWithTheReason(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "webhook_secret", "the first")
	rotate := o.hook + "/secret/rotate"
	for body, want := range map[string]string{
		`{"overlap":-1}`:                                      "overlap: The overlap must be between 0 and 604800.",
		`{"overlap":604801}`:                                  "overlap: The overlap must be between 0 and 604800.",
		`{"overlap":"a day"}`:                                 "overlap: The overlap must be an integer.",
		`{"webhook_secret":"the first"}`:                      "webhook_secret: The selected webhook secret is invalid.",
		`{"webhook_secret":"whsec_YQ=="}`:                     "webhook_secret: The webhook secret must hold between 24 and 64 bytes behind whsec_.",
		`{"webhook_secret":7}`:                                "webhook_secret: The webhook secret must be a string.",
		`{"signature_scheme":"ed25519","webhook_secret":"x"}`: "webhook_secret: The webhook secret format is invalid.",
	} {
		if got := w.call("POST", rotate, body).errors(); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	w.call("POST", rotate, `{`).has(400)
	w.call("POST", rotate, `[]`).has(422)
	w.call("GET", rotate, nil).has(405)
	for range 4 {
		w.call("POST", rotate, nil).has(200)
	}
	const often = "webhook_secret: The webhook secret has been rotated 4 times already within the overlap."
	if got := w.call("POST", rotate, nil).errors(); !slices.Equal(got, []string{often}) {
		t.Errorf("a fifth time: %q", got)
	}
	w.call("POST", rotate, `{"overlap":0}`).has(200).lacks("previous_secrets")

	unsigned := w.newOwner(w.home, "agents")
	w.call("POST", unsigned.hook+"/secret/rotate", nil).has(200, `"has_secret":true`, `"webhook_secret":"whsec_`).lacks("previous_secrets")
}

func TestASecretThatWasPastedWithMoreThanItselfIsRejected(t *testing.T) {
	w := newWorld(t)
	whole := "whsec_" + strings.Repeat("QUFB", 8)
	const want = "webhook_secret: The webhook secret format is invalid."
	for _, kind := range plurals {
		o := w.newOwner(w.home, kind)
		for _, secret := range []string{
			" hunter2", "hunter2 ", "hunter2\n", "\thunter2", "\u00a0hunter2", whole + " ", " " + whole, "v1," + whole, "v1,hunter2", "v1a," + whole,
		} {
			body := map[string]any{"name": "x", "webhook_url": "https://example.com", "events": []string{o.event}, "webhook_secret": secret}
			wantList(t, "create with "+secret, w.call("POST", o.path+"/webhooks", body).errors(), []string{want})
			wantList(t, "update to "+secret, w.call("PUT", o.hook, map[string]any{"webhook_secret": secret}).errors(), []string{want})
			wantList(t, "rotate to "+secret, w.call("POST", o.hook+"/secret/rotate", map[string]any{"webhook_secret": secret}).errors(), []string{want})
		}
		w.call("PUT", o.hook, map[string]any{"webhook_secret": "two words, v1,x"}).has(200, `"has_secret":true`)
	}
}

func TestAMaskedHeaderUnderAnotherNameIsRejected(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "custom_headers", []map[string]any{{"key": "X-Token", "value": "hunter2"}, {"key": "X-Plain", "value": "y"}})
	put := func(headers ...map[string]any) *reply {
		return w.call("PUT", o.hook, map[string]any{"custom_headers": headers})
	}
	masked := func(key string) map[string]any { return map[string]any{"key": key, "value": carteiro.Masked} }
	const want = "custom_headers.0.value: The selected custom_headers.0.value is invalid."
	for _, key := range []string{"X-Renamed", "X-Other-Token"} {
		wantList(t, key, put(masked(key)).errors(), []string{want})
	}
	put(masked("x-token")).has(200, `"x-token"`, carteiro.Masked).lacks("X-Renamed")
}
