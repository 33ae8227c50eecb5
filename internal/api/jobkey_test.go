package api_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

func TestAKeyStartsOneJob(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		for _, kind := range []string{"/logs/retry", "/replay"} {
			o := w.newOwner(w.home, plural)
			w.failedLog(o)
			key := plural + kind
			first := w.call("POST", o.hook+kind, `{"from":"2020-01-01T00:00:00Z"}`, "Idempotency-Key", key).has(202)
			again := w.call("POST", o.hook+kind, `{"from":"2020-01-01T00:00:00Z"}`, "Idempotency-Key", key).has(202)
			if again.body != first.body {
				t.Errorf("first %s\nagain %s", first.body, again.body)
			}
			w.call("POST", o.hook+kind, `{}`, "Idempotency-Key", key).has(409, `"code":"IDEMPOTENCY_KEY_REUSED"`)
			w.call("POST", o.hook+kind, `{}`, "Idempotency-Key", strings.Repeat("k", 256)).has(422, `"idempotency_key":[`)
			// A call that was refused has not used its key up.
			w.call("POST", o.hook+kind, `{}`, "Idempotency-Key", key+" two").
				is(409, fmt.Sprintf(`{"success":false,"message":"This webhook has an open bulk retry already.","code":"BULK_RETRY_OPEN","retry_id":%q}`, first.text("data.id")))
			w.call("DELETE", o.hook+"/retries/"+first.text("data.id"), nil).has(200)
			second := w.call("POST", o.hook+kind, `{}`, "Idempotency-Key", key+" two").has(202)
			if second.text("data.id") == first.text("data.id") {
				t.Error("another key gave the same job")
			}
			w.call("GET", o.hook+"/retries", nil).has(200, `"total":2`)
		}
	}
}

func TestABatchThatIsRejectedAsAWholeLeavesItsKey(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	batch := func(key string, items ...string) *reply {
		return w.call("POST", "/events/batch", "["+strings.Join(items, ",")+"]", "Idempotency-Key", key)
	}
	gone := `{"agent_id":"` + unknownID + `","event":"` + o.event + `","payload":{}}`
	bad := `{"agent_id":"` + o.id + `","event":"none","payload":{}}`
	good := `{"agent_id":"` + o.id + `","event":"` + o.event + `","payload":{}}`
	for i, rejected := range []string{gone, bad, gone + "," + bad} {
		key := fmt.Sprint("k", i)
		batch(key, rejected).has(202, `"accepted":0`)
		first := batch(key, good).has(202, `"accepted":1`)
		batch(key, good).is(202, first.body)
		batch(key, rejected).has(409, "IDEMPOTENCY_KEY_REUSED")
	}
	partly := batch("partly", good, gone).has(202, `"accepted":1,"rejected":1`)
	batch("partly", good, gone).is(202, partly.body)
	batch("partly", good).has(409, "IDEMPOTENCY_KEY_REUSED")
	// A key that was used answers as it did, also when nothing would be accepted by now.
	w.call("DELETE", o.path, nil).has(200)
	batch("partly", good, gone).is(202, partly.body)
}

func TestAKeyGivesTheJobAlsoOnceItsWebhookIsDisabled(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"/logs/retry", "/replay"} {
		o := w.newOwner(w.home, "agents")
		w.failedLog(o)
		first := w.call("POST", o.hook+kind, `{}`, "Idempotency-Key", kind).has(202)
		w.call("PATCH", o.hook+"/toggle", nil).has(200, `"enabled":false`)
		w.call("POST", o.hook+kind, `{}`, "Idempotency-Key", kind).is(202, first.body)
		w.call("POST", o.hook+kind, `{"from":"2020-01-01T00:00:00Z"}`, "Idempotency-Key", kind).has(409, "IDEMPOTENCY_KEY_REUSED")
		w.call("POST", o.hook+kind, `{}`, "Idempotency-Key", kind+" two").has(422, "WEBHOOK_DISABLED")
		w.call("POST", o.hook+kind, `{}`).has(422, "WEBHOOK_DISABLED")
	}
}

func TestAKeyCreatesOneThing(t *testing.T) {
	w, admin := newAdminWorld(t)
	o := w.newOwner(w.home, "agents")
	campaign := w.newOwner(w.home, "campaigns")
	hook := `"webhook_url":"https://example.com","events":[%q]`
	tokens := "/admin/v1/environments/" + w.home.id.String() + "/tokens"
	for _, test := range []struct {
		who               *tenant
		path, body, other string
	}{
		{w.home, "/agents", `{"name":"Bo"}`, `{"name":"Cy"}`},
		{w.home, "/campaigns", `{"name":"Bo","agent_id":"` + o.id + `"}`, `{"name":"Cy"}`},
		{w.home, o.path + "/webhooks", `{"name":"x",` + fmt.Sprintf(hook, "event_recording") + `}`, `{}`},
		{w.home, campaign.path + "/webhooks", `{"name":"x",` + fmt.Sprintf(hook, "campaign.started") + `}`, `{}`},
		{w.home, "/environment/webhooks", `{"name":"x",` + fmt.Sprintf(hook, "webhook.error") + `}`, `{}`},
		{admin, tokens, `{"name":"ci","scopes":["read"]}`, `{"name":"ci","scopes":["all"]}`},
	} {
		post := func(body, key string) *reply {
			return w.in(t).callAs(test.who, "POST", test.path, body, "Idempotency-Key", key)
		}
		total := func() string {
			list := w.callAs(test.who, "GET", test.path, nil).has(200)
			return fmt.Sprint(strings.Count(list.body, `"created_at"`))
		}
		post(`{"name":""}`, test.path).has(422, "The name field is required.")
		before := total()
		first := post(test.body, test.path).has(201)
		again := post(test.body, test.path).has(201, `"id":"`+first.text("data.id")+`"`)
		if test.who != admin && again.body != first.body || again.header.Get("ETag") != first.header.Get("ETag") {
			t.Errorf("%s: first %v %s\nagain %v %s", test.path, first.header, first.body, again.header, again.body)
		}
		post(test.other, test.path).has(409, "IDEMPOTENCY_KEY_REUSED")
		post(test.body, strings.Repeat("k", 256)).has(422, `"idempotency_key":[`)
		if after := total(); after == before {
			t.Errorf("%s: nothing was created", test.path)
		}
		var all sync.WaitGroup
		bodies := make([]string, 6)
		for i := range bodies {
			all.Go(func() { bodies[i] = post(test.body, "at once "+test.path).has(201).text("data.id") })
		}
		all.Wait()
		if slices.Sort(bodies); bodies[0] != bodies[len(bodies)-1] || bodies[0] == first.text("data.id") {
			t.Errorf("%s: created %q at once", test.path, bodies)
		}
		post(test.body, "another "+test.path).has(201).lacks(first.text("data.id"))
	}
}

func TestARepeatedCreationDoesNotRepeatSecrets(t *testing.T) {
	w, admin := newAdminWorld(t)
	o := w.newOwner(w.home, "agents")
	body := `{"name":"x","webhook_url":"https://example.com","events":["event_recording"],"generate_secret":true,"custom_headers":[{"key":"X-Token","value":"hunter2"}]}`
	first := w.call("POST", o.path+"/webhooks", body, "Idempotency-Key", "k").has(201, `"webhook_secret":"whsec_`)
	again := w.call("POST", o.path+"/webhooks", body, "Idempotency-Key", "k").has(201, `"has_secret":true`).lacks("webhook_secret", "hunter2")
	tokens := "/admin/v1/environments/" + w.home.id.String() + "/tokens"
	token := w.callAs(admin, "POST", tokens, `{"name":"ci","scopes":["read"]}`, "Idempotency-Key", "t").has(201)
	secret := token.text("data.token")
	w.callAs(admin, "POST", tokens, `{"name":"ci","scopes":["read"]}`, "Idempotency-Key", "t").has(201, token.text("data.id")).lacks("talq_", `"token"`)
	if first.text("data.id") != again.text("data.id") {
		t.Errorf("first %s\nagain %s", first.body, again.body)
	}
	for _, key := range []string{"k", "t"} {
		stored, err := w.store.Accept(t.Context(), store.Accept{Now: time.Now(), Key: &store.Key{EnvironmentID: w.home.id, Key: key, Peek: true}})
		must(t, err)
		answer := string(stored.Replay.Answer)
		for _, text := range []string{secret, first.text("data.webhook_secret"), "hunter2"} {
			if strings.Contains(answer, text) {
				t.Errorf("stored with a key: %s", answer)
			}
		}
	}
}
