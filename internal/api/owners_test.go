package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func TestTheRegistryOfAgentsAndCampaigns(t *testing.T) {
	for plural, word := range map[string]string{"agents": "Agent", "campaigns": "Campaign"} {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			created := w.call("POST", "/"+plural, map[string]any{"name": "Front desk", "unknown": 1}).
				has(201, `{"success":true,"message":"`+word+` created successfully","data":{"id":"`, `"name":"Front desk"`)
			path := "/" + plural + "/" + created.text("data.id")
			shown := strings.Replace(created.body, `"message":"`+word+` created successfully",`, "", 1)
			w.call("GET", path, nil).is(200, shown)
			w.call("HEAD", path, nil).is(200, "")

			renamed := w.call("PUT", path, map[string]any{"name": "Night desk ☾"}).
				has(200, `"message":"`+word+` updated successfully"`, `"name":"Night desk ☾"`)
			if renamed.text("data.created_at") != created.text("data.created_at") {
				t.Error("renaming changed created_at")
			}
			own := "/" + plural + "/" + unknownID
			w.call("PUT", own, map[string]any{"name": "Ours"}).has(201, `"id":"`+unknownID+`"`, word+" created successfully")
			w.call("PUT", own, map[string]any{"name": "Ours"}).has(200, word+" updated successfully")

			w.call("DELETE", path, nil).is(200, `{"success":true,"message":"`+word+` deleted successfully"}`)
			w.call("DELETE", path, nil).is(404, noOwner[plural])
			w.call("GET", path, nil).is(404, noOwner[plural])
		})
	}
}

func TestDeletingAnOwnerDeletesItsWebhooks(t *testing.T) {
	for _, plural := range plurals {
		w := newWorld(t)
		o := w.newOwner(w.home, plural)
		w.publish(o)
		w.call("DELETE", o.path, nil).has(200)
		w.call("GET", o.hook, nil).is(404, noOwner[plural])
		w.call("POST", o.events, map[string]any{"event": o.event, "payload": map[string]any{}}).is(404, noOwner[plural])
		w.call("PUT", o.path, map[string]any{"name": "again"}).has(201)
		w.call("GET", o.hooks, nil).has(200, `"webhooks":[]`)
		w.call("GET", o.hook, nil).is(404, noWebhook)
	}
}

func TestDeletingAWebhookOrItsOwnerFinishesWhatIsQueued(t *testing.T) {
	for _, plural := range plurals {
		w, kepts := newWorld(t), 0
		for _, deleted := range []string{"hook", "path"} {
			o := w.newOwner(w.home, plural)
			log := w.publish(o)
			kept := w.newOwner(w.home, plural)
			w.publish(kept)
			w.finish(o, carteiro.Outcome{Reason: carteiro.ReasonTimeout, Error: "Connection timeout"}, w.ids.Now().Add(time.Hour))
			w.publish(o)
			hook, err := carteiro.ParseID(o.webhook)
			must(t, err)
			w.call("DELETE", map[string]string{"hook": o.hook, "path": o.path}[deleted], nil).has(200)
			page, err := w.store.ListLogs(t.Context(), store.ListLogs{WebhookID: hook, Limit: 10})
			must(t, err)
			for _, a := range page.Attempts {
				if a.Status != carteiro.StatusFailed {
					t.Errorf("attempt %d of event %s reads %q once its webhook is deleted", a.Number, log, a.Status)
				}
			}
			if len(page.Attempts) != 3 {
				t.Errorf("the log has %d entries, want 3", len(page.Attempts))
			}
			kepts++
			w.call("GET", "/overview", nil).has(200, fmt.Sprintf(`"queue":{"open":%d,`, kepts))
		}
	}
}

func TestTheAuditLogHasEachWebhookThatIsDeletedWithItsOwner(t *testing.T) {
	for _, plural := range plurals {
		w := newWorld(t)
		o := w.newOwner(w.home, plural)
		for _, name := range []string{"Second", "Deleted before"} {
			body := map[string]any{"name": name, "webhook_url": "https://example.com/hook", "events": []string{o.event}}
			o.hook = o.hooks + "/" + w.call("POST", o.hooks, body).has(201).text("data.id")
		}
		w.call("DELETE", o.hook, nil).has(200)
		w.call("DELETE", o.path, nil).has(200)
		deleted := w.call("GET", "/audit?action=webhook.deleted", nil)
		var names []string
		for i := range deleted.at("data").([]any) {
			names = append(names, deleted.text(fmt.Sprintf("data.%d.subject.name", i)))
		}
		slices.Sort(names)
		if want := []string{"CRM", "Deleted before", "Second"}; !slices.Equal(names, want) {
			t.Errorf("the audit log has %q as deleted, want %q", names, want)
		}
	}
}

func TestACampaignMayHaveAnAgent(t *testing.T) {
	w := newWorld(t)
	agent := w.newOwner(w.home, "agents").id
	stranger := w.newOwner(w.other, "agents").id
	campaign := "/campaigns/" + w.call("POST", "/campaigns", map[string]any{"name": "x", "agent_id": agent}).
		has(201, `"agent_id":"`+agent+`"`).text("data.id")
	w.call("PUT", campaign, map[string]any{"name": "y"}).has(200, `"agent_id":"`+agent+`"`, `"name":"y"`)
	w.call("PUT", campaign, map[string]any{"name": "z", "agent_id": nil}).has(200).lacks("agent_id")
	w.call("PUT", campaign, map[string]any{"name": "z", "agent_id": strings.ToUpper(agent)}).has(200, `"agent_id":"`+agent+`"`)
	w.call("DELETE", "/agents/"+agent, nil).has(200)
	w.call("GET", campaign, nil).has(200).lacks("agent_id")
	for value, want := range map[any]string{
		stranger:  "agent_id: The selected agent id is invalid.",
		unknownID: "agent_id: The selected agent id is invalid.",
		"x":       "agent_id: The agent id must be a valid UUID.",
		7:         "agent_id: The agent id must be a string.",
	} {
		for _, call := range []struct{ method, path string }{{"POST", "/campaigns"}, {"PUT", campaign}} {
			wantList(t, fmt.Sprint(value), w.call(call.method, call.path, map[string]any{"name": "x", "agent_id": value}).errors(), []string{want})
		}
	}
	w.call("POST", "/agents", map[string]any{"name": "x", "agent_id": 7}).has(201).lacks("agent_id")
}

func TestNamesAreChecked(t *testing.T) {
	w := newWorld(t)
	for _, plural := range plurals {
		for body, want := range map[string]string{
			`{}`:                                   "name: The name field is required.",
			`{"name":null}`:                        "name: The name field is required.",
			`{"name":""}`:                          "name: The name field is required.",
			`{"name":" \t"}`:                       "name: The name field is required.",
			`{"name":7}`:                           "name: The name must be a string.",
			`{"name":["x"]}`:                       "name: The name must be a string.",
			`{"name":"a\u0000b"}`:                  "name: The name format is invalid.",
			name(256, "é"):                         "name: The name must not be greater than 255 characters.",
			`[]`:                                   "body: The body must be an object.",
			`"name"`:                               "body: The body must be an object.",
			`null`:                                 "body: The body must be an object.",
			`{"name":{"name":"x"},"agent_id":"y"}`: "name: The name must be a string.",
		} {
			for _, call := range []struct{ method, path string }{{"POST", "/" + plural}, {"PUT", "/" + plural + "/" + unknownID}} {
				got := w.call(call.method, call.path, body).errors()
				if got[len(got)-1] != want {
					t.Errorf("%s: %q, want %q", body, got, want)
				}
			}
		}
		w.call("POST", "/"+plural, name(255, "é")).has(201)
		w.call("POST", "/"+plural, `{"n\u0061me":"sp\u0065lt \ud83d\ude00 \ud800"}`).has(201, `"name":"spelt 😀 `+"\ufffd"+`"`)
	}
}

func name(n int, letter string) string { return `{"name":"` + strings.Repeat(letter, n) + `"}` }

func TestOwnersAreListedByPage(t *testing.T) {
	for plural, member := range map[string]string{"agents": "meta", "campaigns": "pagination"} {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			w.call("GET", "/"+plural, nil).is(200,
				`{"success":true,"data":[],"`+member+`":{"current_page":1,"per_page":20,"total":0,"last_page":1}}`)
			for i := range 45 {
				w.call("POST", "/"+plural, map[string]any{"name": fmt.Sprintf("Desk %02d", i)}).has(201)
			}
			for query, want := range map[string]struct {
				count    int
				standing string
			}{
				"":                                 {20, `{"current_page":1,"per_page":20,"total":45,"last_page":3}`},
				"?page=3":                          {5, `{"current_page":3,"per_page":20,"total":45,"last_page":3}`},
				"?page=4":                          {0, `{"current_page":4,"per_page":20,"total":45,"last_page":3}`},
				"?per_page=100":                    {45, `{"current_page":1,"per_page":100,"total":45,"last_page":1}`},
				"?per_page=45":                     {45, `{"current_page":1,"per_page":45,"total":45,"last_page":1}`},
				"?per_page=1&page=45":              {1, `{"current_page":45,"per_page":1,"total":45,"last_page":45}`},
				"?page=1000000000&per_page=100":    {0, `{"current_page":1000000000,"per_page":100,"total":45,"last_page":1}`},
				"?search=desk%201":                 {10, `{"current_page":1,"per_page":20,"total":10,"last_page":1}`},
				"?search=%25":                      {0, `{"current_page":1,"per_page":20,"total":0,"last_page":1}`},
				"?search=&page=&per_page=":         {20, `{"current_page":1,"per_page":20,"total":45,"last_page":3}`},
				"?page=2&page=x&unknown=1&search=": {20, `{"current_page":2,"per_page":20,"total":45,"last_page":3}`},
			} {
				r := w.call("GET", "/"+plural+query, nil).has(200, `"`+member+`":`+want.standing+"}")
				if data, _ := r.at("data").([]any); len(data) != want.count {
					t.Errorf("%s lists %d, want %d", query, len(data), want.count)
				}
			}
			for query, want := range map[string]string{
				"?per_page=0":              "per_page: The per page must be between 1 and 100.",
				"?per_page=101":            "per_page: The per page must be between 1 and 100.",
				"?per_page=-1":             "per_page: The per page must be between 1 and 100.",
				"?per_page=ten":            "per_page: The per page must be an integer.",
				"?per_page=1.5":            "per_page: The per page must be an integer.",
				"?page=0":                  "page: The page must be between 1 and 1000000000.",
				"?page=1000000001":         "page: The page must be between 1 and 1000000000.",
				"?page=" + nines:           "page: The page must be between 1 and 1000000000.",
				"?page=-" + nines:          "page: The page must be between 1 and 1000000000.",
				"?page=--1":                "page: The page must be an integer.",
				"?search=a%00b":            "search: The search format is invalid.",
				"?search=%ff":              "search: The search format is invalid.",
				"?search=%zz":              "query: The query format is invalid.",
				"?search=" + tooLongSearch: "search: The search must not be greater than 255 characters.",
			} {
				wantList(t, query, w.call("GET", "/"+plural+query, nil).errors(), []string{want})
			}
			wantList(t, "two faults", w.call("GET", "/"+plural+"?page=x&per_page=0", nil).errors(), []string{
				"page: The page must be an integer.", "per_page: The per page must be between 1 and 100.",
			})
		})
	}
}

var (
	nines         = strings.Repeat("9", 50)
	tooLongSearch = strings.Repeat("a", 256)
)
