package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/client"
)

const svixSecret = "whsec_c3ZpeC1zZWNyZXQtb2YtYWNtZS0zMi1ieXRlcyEhISE="

// comer is somebody who comes over from another product: a server, the receiver that they have, and an export.
type comer struct {
	t     *testing.T
	h     *house
	there *receiver
	file  string
}

func newComer(t *testing.T, export string) *comer {
	t.Helper()
	h := newHouse(t, quick...).start()
	there := newReceiver(t, always(200))
	text, err := os.ReadFile("testdata/import/" + export)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.dir, export)
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "RECEIVER", there.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.environ = append(h.environ, "CARTEIRO_SERVER="+h.url, "CARTEIRO_TOKEN="+h.token)
	return &comer{t, h, there, file}
}

// brings runs the import, which must say all of what, in order.
func (c *comer) brings(args []string, what ...string) {
	c.t.Helper()
	out, err := c.h.command(append([]string{"import"}, args...)...)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	rest := out
	for _, text := range what {
		_, behind, found := strings.Cut(rest, text)
		if !found {
			c.t.Fatalf("it does not say %q where it should:\n%s", text, out)
		}
		rest = behind
	}
}

// fails runs an import that must fail, and say why.
func (c *comer) fails(why string, args ...string) {
	c.t.Helper()
	if out, err := c.h.command(append([]string{"import"}, args...)...); err == nil || !strings.Contains(err.Error(), why) {
		c.t.Errorf("%v gives %v, want %q\n%s", args, err, why, out)
	}
}

func (c *comer) publish(o client.Owner, event string) client.Accepted {
	c.t.Helper()
	accepted, err := c.h.client().Publish(within(c.t), client.Event{Owner: o, Type: event, Payload: map[string]any{"n": 1}})
	if err != nil {
		c.t.Fatal(err)
	}
	return accepted
}

func (c *comer) webhooks(o client.Owner) []client.Webhook {
	c.t.Helper()
	list, err := c.h.client().ListWebhooks(within(c.t), o)
	if err != nil {
		c.t.Fatal(err)
	}
	return list.Webhooks
}

func (c *comer) agents() []client.Agent {
	c.t.Helper()
	agents, _, err := c.h.client().ListAgents(within(c.t), client.ListFilter{})
	if err != nil {
		c.t.Fatal(err)
	}
	return agents
}

func TestEndpointsOfSvixAreBroughtWithTheirSecrets(t *testing.T) {
	t.Parallel()
	c := newComer(t, "svix.json")
	acme := client.AgentOwner("01990e54-9d6b-7f00-8f63-3c1f0a5d7b21")
	args := []string{"svix", c.file, "--map", "call.ended=" + callEnded}
	c.brings(args, `(ep_all)"`, "it names no event types; --all-events subscribes such endpoints to all events", "webhooks: 1; there already: 0; cannot be carried: 4")
	args = append(args, "--all-events")
	c.brings(args,
		`+ agent "Acme"  01990e54-9d6b-7f00-8f63-3c1f0a5d7b21`,
		`+ webhook "Billing (ep_billing)"`, "events: event_phone_call_ended, event_action",
		"channels project_7", "its rate limit", "headers Authorization: their values are not given out", "invoice.paid (--map invoice.paid=OURS)",
		`(ep_all)"`, "disabled, as it is there", "it wants all event types",
		`! webhook "Invoices (ep_invoices)"`, "none of its event types is in the catalogue: invoice.paid",
		`! webhook "Key pair (ep_keys)"`, "key pairs have no place here",
		`! webhook "No secret (ep_bare)"`, "its secret is not there",
		`+ agent "Globex"`,
		"To be made: agents: 2, webhooks: 2; there already: 0; cannot be carried: 3", "run it again with --yes")
	if agents := c.agents(); len(agents) > 0 {
		t.Fatalf("a plan makes %v", agents)
	}

	c.brings(append(args, "--yes"), "Made: agents: 2, webhooks: 2; there already: 0; cannot be carried: 3.")
	event := c.publish(acme, callEnded)
	d := next(t, c.there.got, "a delivery")
	verify(t, svixSecret, d)
	if d.path != "/billing" || d.eventID() != event.EventID || d.header.Get("X-Team") != "red" ||
		d.header.Get("Svix-Id") != event.EventID || d.header.Get("Svix-Signature") != d.header.Get("Webhook-Signature") {
		t.Errorf("the receiver gets %s %v", d.path, d.header)
	}
	c.h.statuses(c.webhooks(acme)[0], event.EventID, "success")

	// Again changes nothing, not even what was changed here meanwhile; what was lost is made again.
	hooks := c.webhooks(acme)
	if len(hooks) != 2 || hooks[1].Enabled || hooks[1].EventsCount < 22 {
		t.Fatalf("made %v", hooks)
	}
	changed, err := c.h.client().UpdateWebhook(within(t), acme, hooks[0].ID, client.WebhookSettings{Timeout: 77})
	if err != nil {
		t.Fatal(err)
	}
	c.brings(append(args, "--yes"), `= agent "Acme"`, `= webhook "Billing (ep_billing)"`, "Nothing is to be made. There already: 2; cannot be carried: 3.")
	if again := c.webhooks(acme); len(again) != 2 || again[0].UpdatedAt != changed.UpdatedAt || again[0].Timeout != 77 {
		t.Errorf("run again it changes %v", again)
	}
	if err := c.h.client().DeleteWebhook(within(t), acme, hooks[1].ID); err != nil {
		t.Fatal(err)
	}
	c.brings(append(args, "--yes"), "Made: agents: 0, webhooks: 1; there already: 1")

	// All of it can go to a campaign, too.
	campaign, err := c.h.client().PutCampaign(within(t), client.NewID(), "Autumn", "")
	if err != nil {
		t.Fatal(err)
	}
	c.brings([]string{"svix", c.file, "--campaign", campaign.ID, "--map", "invoice.paid=campaign.completed", "--all-events", "--yes"},
		"Made: agents: 0, webhooks: 3")
	if n := len(c.webhooks(client.CampaignOwner(campaign.ID))); n != 3 {
		t.Errorf("the campaign has %d webhooks", n)
	}
}

func TestEndpointsOfConvoyAreBroughtWithTheirSecrets(t *testing.T) {
	t.Parallel()
	c := newComer(t, "convoy.json")
	args := []string{"convoy", c.file, "--map", "call.ended=" + callEnded, "--yes"}
	c.brings(args,
		`+ agent "customer-1"`, `+ webhook "Billing (01HBILLING)"`, "its client certificate",
		"its content type application/x-www-form-urlencoded", "its filter on payloads", "its filter on events of type event_action", "its timeout of 1 s: it gets 5 s",
		`+ agent "Payments"`, `+ webhook "Paused (01HPAUSED)"`, "disabled, as it is there",
		`! webhook "Alone (01HALONE)"`, "no subscription leads to it",
		"Made: agents: 2, webhooks: 2; there already: 0; cannot be carried: 1.")
	for _, agent := range c.agents() {
		if agent.Name == "customer-1" {
			c.publish(client.AgentOwner(agent.ID), callEnded)
		}
	}
	d := next(t, c.there.got, "a delivery")
	mac := hmac.New(sha256.New, []byte("convoys-own-secret"))
	mac.Write(d.body)
	if d.header.Get("X-Webhook-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) || d.header.Get("X-Api-Key") != "k-1" {
		t.Errorf("the receiver gets %v", d.header)
	}
	c.brings(args, "Nothing is to be made. There already: 2; cannot be carried: 1.")
}

// pages is an API that has its lists in pages, and is busy at first.
func pages(t *testing.T, key string, answers map[string]string) *httptest.Server {
	t.Helper()
	busy := make(chan struct{}, 1)
	busy <- struct{}{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-busy:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		default:
		}
		answer, found := answers[strings.TrimSuffix(r.URL.Path+"?"+r.URL.Query().Get("iterator")+r.URL.Query().Get("next_page_cursor"), "?")]
		switch {
		case r.Header.Get("Authorization") != "Bearer "+key:
			w.WriteHeader(http.StatusUnauthorized)
		case !found:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(answer))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestEndpointsAreReadOverTheAPIsOfOthers(t *testing.T) {
	t.Parallel()
	c := newComer(t, "svix.json")
	svix := pages(t, "sk_test", map[string]string{
		"/api/v1/app":                             `{"data":[{"id":"app_1","name":"One"}],"iterator":"more","done":false}`,
		"/api/v1/app?more":                        `{"data":[{"id":"app_2","name":"Two"}],"iterator":"end","done":true}`,
		"/api/v1/app/app_1/endpoint":              `{"data":[{"id":"ep_1","description":"E","url":"` + c.there.URL + `","eventTypes":["event_action"]}],"done":true}`,
		"/api/v1/app/app_1/endpoint/ep_1/secret":  `{"key":"` + svixSecret + `"}`,
		"/api/v1/app/app_1/endpoint/ep_1/headers": `{"headers":{"X-A":"b"},"sensitive":[]}`,
		"/api/v1/app/app_2/endpoint":              `{"data":[],"iterator":null,"done":true}`,
	})
	c.brings([]string{"svix", svix.URL, "--api-key", "sk_test", "--yes"}, `+ agent "One"`, `+ webhook "E (ep_1)"`, `+ agent "Two"`, "webhooks: 1")
	for _, agent := range c.agents() {
		c.publish(client.AgentOwner(agent.ID), "event_action")
	}
	verify(t, svixSecret, next(t, c.there.got, "a delivery"))

	convoy := pages(t, "ck", map[string]string{
		"/api/v1/projects/P/endpoints": `{"data":{"content":[{"uid":"E1","name":"A","url":"` + c.there.URL + `","secrets":[{"value":"s1"}]}],
			"pagination":{"has_next_page":true,"next_page_cursor":"E1"}}}`,
		"/api/v1/projects/P/endpoints?E1": `{"data":{"content":[{"uid":"E2","name":"B","url":"` + c.there.URL + `","secrets":[{"value":"s2"}]}],
			"pagination":{"has_next_page":false}}}`,
		"/api/v1/projects/P/subscriptions": `{"data":{"content":[{"uid":"S1","endpoint_metadata":{"uid":"E1"},"filter_config":{"event_types":["*"]}},
			{"uid":"S2","endpoint_metadata":{"uid":"E2"},"filter_config":{"event_types":["event_action"]}}],"pagination":{"has_next_page":false}}}`,
		"/api/v1/projects/P/subscriptions/S1/filters": `{"data":[{"event_type":"event_action","body":{"a":1}}]}`, // S2: a version without them
	})
	c.brings([]string{"convoy", convoy.URL + "/api/v1/projects/P", "--api-key", "ck", "--yes"}, `+ agent "P"`, "(E1)", "its filter on events of type event_action", "(E2)", "agents: 1, webhooks: 2")

	c.fails("is the API key the right one", "svix", svix.URL, "--api-key", "wrong")
	c.fails("set CARTEIRO_API_KEY", "svix", svix.URL)
	c.fails("must be that of a project", "convoy", convoy.URL, "--api-key", "ck")
	c.fails("not found", "convoy", convoy.URL+"/api/v1/projects/Q", "--api-key", "ck")
}

func TestAnImportSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := newComer(t, "svix.json")
	write := func(text string) string {
		if err := os.WriteFile(c.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return c.file
	}
	c.fails("no such file", "svix", "nothing.json")
	c.fails(`there is no "applications" in it`, "svix", write(`{}`))
	c.fails("not JSON, at byte 18", "svix", write(`{"applications":[}`))
	c.fails("an endpoint of application a has no id", "svix", write(`[{"id":"a","endpoints":[{}]}]`))
	c.fails(`there must be "endpoints" and "subscriptions"`, "convoy", write(`{"endpoints":[]}`))
	c.fails("--map must be THEIRS=OURS", "convoy", c.file, "--map", "=x")
	c.fails("404: Agent not found", "svix", write(`[{"id":"a"}]`), "--agent", client.NewID())

	// What the server refuses does not hold up the rest, and is told at the end.
	c.h.stop()
	c.h.flags = append(c.h.flags, "--max-webhooks", "1", "--listen", strings.TrimPrefix(c.h.url, "http://"))
	c.h.start()
	hook := `{"id":"ID","url":"https://example.com","filterTypes":["event_action"],"secret":"` + svixSecret + `"}`
	write(`[{"id":"a","endpoints":[` + strings.Replace(hook, "ID", "1", 1) + "," + strings.Replace(hook, "ID", "2", 1) + `]},
		{"id":"b","endpoints":[` + hook + `]}]`)
	c.fails("1 webhooks were refused by the server", "svix", c.file, "--yes")
	made := 0
	for _, agent := range c.agents() {
		made += len(c.webhooks(client.AgentOwner(agent.ID)))
	}
	if made != 2 {
		t.Errorf("%d webhooks are made, want 2", made)
	}
}
