package api_test

import (
	"fmt"
	"strings"
	"testing"
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
