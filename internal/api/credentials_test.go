package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
)

// Permission to edit a webhook must not show its credentials to another host.
func TestCredentialsDoNotFollowAWebhookToAnotherHost(t *testing.T) {
	w := newWorld(t)
	editor := w.allowed(carteiro.ScopeWebhooks | carteiro.ScopeRead | carteiro.ScopePublish | carteiro.ScopeRetry)
	const moved = "field is required when scheme, host or port of the webhook url changes."
	missing := []string{
		"authorization_value: The authorization value " + moved, "custom_headers.1.value: The custom_headers.1.value " + moved,
		"custom_headers.2.value: The custom_headers.2.value " + moved,
	}
	for _, plural := range plurals {
		o := w.newOwner(w.home, plural, "webhook_url", "https://bücher.example/hook", "authorization_scheme", "bearer", "authorization_value", "planted",
			"webhook_secret", "planted-signing", "custom_headers", []any{
				map[string]any{"key": "X-Team", "value": "sales"}, map[string]any{"key": "X-Api-Key", "value": "planted"},
				map[string]any{"key": "X-Shard", "value": "planted", "secret": true},
			})
		put := func(body string) *reply { return w.callAs(editor, "PUT", o.hook, body) }
		for _, url := range []string{
			"https://evil.example/hook", "http://bücher.example/hook", "https://bücher.example:8443/hook", "https://x.bücher.example/hook",
			"https://bücher.example.evil.example/hook", "https://bücher.example./hook",
		} {
			wantList(t, url, put(`{"webhook_url":"`+url+`"}`).errors(), missing)
			wantList(t, url+" with an empty form field", put(`{"webhook_url":"`+url+`","authorization_value":""}`).errors(), missing)
			wantList(t, url+" with the scheme switched off", put(`{"webhook_url":"`+url+`","authorization_scheme":"none"}`).errors(), missing)
			wantList(t, url+" with masks", put(`{"webhook_url":"`+url+`","authorization_value":"again","custom_headers":[
				{"key":"X-Shard","value":"********"},{"key":"X-Api-Key","value":"again"}]}`).errors(),
				[]string{"custom_headers.0.value: The custom_headers.0.value " + moved})
		}
		wantList(t, "a secret that is to be shown", put(`{"custom_headers":[{"key":"X-Shard","value":"********","secret":false}]}`).errors(),
			[]string{"custom_headers.0.value: The selected custom_headers.0.value is invalid."})
		wantList(t, "a secret under another name", put(`{"custom_headers":[{"key":"X-Other","value":"********","secret":true}]}`).errors(),
			[]string{"custom_headers.0.value: The selected custom_headers.0.value is invalid."})
		w.callAs(editor, "GET", o.hook, nil).has(200, `"webhook_url":"https://bücher.example/hook"`).lacks("planted")
		// The same receiver, however it is written.
		for _, url := range []string{"HTTPS://BÜCHER.example:443/other?path=1", "https://xn--bcher-kva.example/hook", "https://xn--BCHER-kva.Example:0443/hook"} {
			if url == "https://xn--BCHER-kva.Example:0443/hook" {
				put(`{"webhook_url":"` + url + `"}`).errors() // another spelling of a port is taken for another one
				continue
			}
			put(`{"webhook_url":"` + url + `"}`).has(200)
		}
		put(`{"webhook_url":"https://evil.example/hook","authorization_value":"new","custom_headers":[{"key":"X-Team","value":"sales"},
			{"key":"X-Api-Key","value":"new"},{"key":"X-Shard","value":"new","secret":true}]}`).has(200, `"has_secret":true`)
		put(`{"webhook_url":"https://third.example","authorization_scheme":"none","authorization_value":null,"custom_headers":null}`).has(200)
		put(`{"webhook_url":"https://fourth.example"}`).has(200) // nothing is left to show
	}
}

func TestAMoveOfCredentialsIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents", "authorization_scheme", "bearer", "authorization_value", "planted")
	w.call("PUT", o.hook, `{"webhook_url":"https://other.example:8443/hook"}`).has(200)
	w.call("PUT", o.hook, `{"webhook_url":"https://other.example:8443/path"}`).has(200)
	w.call("PUT", o.hook, `{"webhook_url":"https://third.example","authorization_value":"new"}`).has(200)
	var told []string
	for _, entry := range w.auditOf("&subject=webhook") {
		if _, moved, ok := strings.Cut(entry, "credentials_sent_to:"); ok {
			told = append(told, moved)
		}
	}
	wantList(t, "moves", told, []string{"https://example.com:443>https://other.example:8443"})
}

func TestAHeaderThatIsMarkedSecretIsNeverShown(t *testing.T) {
	w := newDeliveringWorld(t, true)
	url, got := receiver(t, func(http.ResponseWriter, *http.Request) {})
	o := w.newOwner(w.home, "agents", "webhook_url", url, "custom_headers", []any{
		map[string]any{"key": "X-Shard", "value": "planted", "secret": true}, map[string]any{"key": "X-JWT", "value": "planted"},
		map[string]any{"key": "X-Team", "value": "sales", "secret": false},
	})
	read := w.call("GET", o.hook, nil).has(200, `{"key":"X-Shard","value":"********","secret":true},{"key":"X-JWT","value":"********"},`+
		`{"key":"X-Team","value":"sales"}`).lacks("planted")
	if again := w.call("PUT", o.hook, read.at("data")).has(200); again.version() != read.version() {
		t.Error("sending it back changed it")
	}
	w.call("PUT", o.hook, `{"custom_headers":[{"key":"x-shard","value":"********"},{"key":"X-JWT","value":"********"}]}`).
		has(200, `{"key":"x-shard","value":"********","secret":true}`)
	w.publish(o)
	if r := <-got; r.header.Get("X-Shard") != "planted" || r.header.Get("X-JWT") != "planted" {
		t.Errorf("sent with %v", r.header)
	}
	w.call("POST", o.hook+"/test", nil).has(200)
	<-got
	for _, path := range []string{o.hook, o.hooks, o.hook + "/logs", "/audit"} {
		w.call("GET", path, nil).has(200).lacks("planted")
	}
}
