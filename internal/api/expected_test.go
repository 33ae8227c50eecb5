package api_test

import (
	"fmt"
	"testing"
)

const (
	countChanged = `{"success":false,"message":"Another number of entries matches than expected. Count again.","code":"COUNT_CHANGED"}`
)

func TestAJobOfAnotherCountThanExpectedIsNotBegun(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		for _, kind := range []string{"/logs/retry", "/replay"} {
			o := w.newOwner(w.home, plural)
			w.failedLog(o)
			call := o.hook + kind
			filter := func(more string) string {
				if kind == "/replay" {
					return `{"undelivered":false` + more + `}`
				}
				return `{"status":"failed"` + more + `}`
			}
			count := w.call("POST", call, filter(`,"dry_run":true,"expected":7`)).has(200).at("data.matching")
			if count != 1.0 {
				t.Fatalf("%s: %v match", call, count)
			}
			for _, wrong := range []string{"0", "2", "7"} {
				w.call("POST", call, filter(`,"expected":`+wrong), "Idempotency-Key", call+wrong).is(409, countChanged)
			}
			for _, bad := range []string{`"1"`, "-1", "1.5"} {
				w.call("POST", call, filter(`,"expected":`+bad)).has(422, `"expected":[`)
			}
			w.call("GET", o.hook+"/retries", nil).has(200, `"total":0`)
			begun := w.call("POST", call, filter(`,"expected":1`), "Idempotency-Key", call).has(202)
			// By now another number matches, and the key stands for the job all the same.
			again := w.call("POST", call, filter(`,"expected":1`), "Idempotency-Key", call).has(202)
			if again.text("data.id") != begun.text("data.id") {
				t.Error("a repeated call began another job")
			}
			w.call("DELETE", fmt.Sprintf("%s/retries/%s", o.hook, begun.text("data.id")), nil).has(200)
			w.call("POST", call, filter(`,"expected":null`)).has(202)
		}
	}
}

func TestAnOwnerThatExistsIsNotChangedByACallThatOnlyCreates(t *testing.T) {
	w := newWorld(t)
	for plural, one := range map[string]string{"agents": "An agent", "campaigns": "A campaign"} {
		path := "/" + plural + "/" + unknownID
		exists := fmt.Sprintf(`{"success":false,"message":"%s with this id exists already.","code":"ALREADY_EXISTS"}`, one)
		w.call("PUT", path, `{"name":"first"}`, "If-None-Match", "*").has(201)
		w.call("PUT", path, `{"name":"second"}`, "If-None-Match", "*").is(412, exists)
		w.call("PUT", path, `{"name":"first"}`, "If-None-Match", "*").is(412, exists)
		w.call("GET", path, nil).has(200, `"name":"first"`)
		w.call("PUT", path, `{"name":"third"}`).has(200)
		w.call("PUT", path, `{"name":""}`, "If-None-Match", "*").has(422)
	}
}
