package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/store"
)

// auditOf gives the entries of the home environment, the oldest first, each as "actor action subject changes".
func (w *world) auditOf(query string) (entries []string) {
	w.t.Helper()
	r := w.call("GET", "/audit?per_page=100"+query, nil).has(200)
	data, _ := r.at("data").([]any)
	for i := len(data) - 1; i >= 0; i-- {
		at := fmt.Sprintf("data.%d.", i)
		name, _ := r.at(at + "subject.name").(string)
		entry := strings.Join([]string{r.text(at + "actor.type"), r.text(at + "action"), r.text(at + "subject.type"), name}, " ")
		changes, _ := r.at(at + "changes").([]any)
		for j := range changes {
			c := fmt.Sprintf("%schanges.%d.", at, j)
			entry += fmt.Sprintf(" %v:%v>%v", r.at(c+"field"), r.at(c+"before"), r.at(c+"after"))
		}
		entries = append(entries, entry)
	}
	return entries
}

func (w *world) wantAudit(query string, want ...string) {
	w.t.Helper()
	got := w.auditOf(query)
	if len(got) != len(want) {
		w.t.Fatalf("%d entries:\n%s\nwant\n%s", len(got), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			w.t.Errorf("entry %d is\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
}

func TestWhoChangesSomethingIsWrittenDown(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			kind := strings.TrimSuffix(plural, "s")
			o := w.newOwner(w.home, plural, "webhook_secret", "s3cret-planted-one")
			cookie := w.signIn(w.home)
			w.with(cookie, "PUT", o.path, map[string]any{"name": "Back office"}, "Origin", w.url).has(200)
			w.call("PUT", o.hook, map[string]any{"timeout": 60, "webhook_secret": "s3cret-planted-two", "authorization_scheme": "bearer",
				"authorization_value": "s3cret-planted-three", "custom_headers": []any{map[string]any{"key": "X-Api-Key", "value": "s3cret-planted-four"}}}).has(200)
			w.call("PUT", o.hook, map[string]any{"custom_headers": []any{map[string]any{"key": "X-Api-Key", "value": "s3cret-planted-five"}}}).has(200)
			w.call("PATCH", o.hook+"/toggle", nil).has(200)
			w.call("PATCH", o.hook+"/toggle", nil).has(200)
			log := w.failedLog(o)
			w.call("POST", log+"/retry", nil).has(200)
			w.call("POST", log+"/retry", nil).has(422) // changes nothing
			w.beginBulk(o)
			w.call("PATCH", o.job, map[string]any{"paused": true}).has(200)
			w.call("PATCH", o.job, map[string]any{"paused": true}).has(200) // changes nothing
			w.call("PATCH", o.job, map[string]any{"paused": false}).has(200)
			w.call("DELETE", o.job, nil).has(200)
			w.call("PUT", o.hook, map[string]any{"timeout": 1}).has(422)
			w.call("DELETE", o.hook, nil).has(200)
			w.call("DELETE", o.path, nil).has(200)

			w.wantAudit("",
				"token owner.created "+kind+" Front desk name:<nil>>Front desk",
				"token webhook.created webhook CRM authorization_scheme:<nil>>none",
				"token session.begun token test",
				"session owner.updated "+kind+" Back office name:Front desk>Back office",
				"token webhook.updated webhook CRM authorization_scheme:none>bearer custom_headers:[]>[map[key:X-Api-Key value:********]] timeout:30>60 webhook_secret:<nil>><nil> authorization_value:<nil>><nil>",
				"token webhook.updated webhook CRM custom_headers:<nil>><nil>",
				"token webhook.disabled webhook CRM enabled:true>false",
				"token webhook.enabled webhook CRM enabled:false>true",
				"token log.retried log CRM log_id:<nil>>",
				"token bulk_retry.begun bulk_retry CRM",
				"token bulk_retry.paused bulk_retry CRM",
				"token bulk_retry.resumed bulk_retry CRM",
				"token bulk_retry.cancelled bulk_retry CRM",
				"token webhook.deleted webhook CRM",
				"token owner.deleted "+kind+" Back office",
			)
			all := w.call("GET", "/audit?per_page=100", nil).has(200, `"remote_address":"127.0.0.1"`, `"request_id":"`)
			for i := range all.at("data").([]any) {
				subject := all.at(fmt.Sprintf("data.%d.subject", i)).(map[string]any)
				var owner any // that of a webhook and of what belongs to one
				if slices.Contains([]any{"webhook", "log", "bulk_retry"}, subject["type"]) {
					owner = o.id
				}
				if subject[kind+"_id"] != owner || subject["agent_id"] != nil && subject["campaign_id"] != nil {
					t.Errorf("a subject is %v, want the owner %v", subject, owner)
				}
			}
			if strings.Contains(all.body, "planted") || strings.Contains(all.body, w.home.token) {
				t.Errorf("the audit log holds a secret: %s", all.body)
			}
			// Each sees its own.
			w.callAs(w.other, "GET", "/audit", nil).is(200, `{"success":true,"data":[],"pagination":{"current_page":1,"per_page":25,"total":0,"last_page":1}}`)
		})
	}
}

func TestTheAuditLogIsFilteredAndGoesOnBehindACursor(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	for range 3 {
		w.call("PATCH", o.hook+"/toggle", nil).has(200)
	}
	w.with(w.signIn(w.home), "PATCH", o.hook+"/toggle", nil, "Origin", w.url).has(200)
	w.wantAudit("&action=webhook.disabled", "token webhook.disabled", "token webhook.disabled")
	w.wantAudit("&actor=session", "session webhook.enabled")
	w.wantAudit("&subject=agent", "token owner.created")
	w.wantAudit("&subject=webhook&subject_id=" + o.id)
	w.wantAudit("&subject_id="+o.id, "token owner.created")
	w.wantAudit("&from=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	w.wantAudit("&to=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))

	var ids []string
	cursor := ""
	for page := 0; page == 0 || cursor != ""; page++ {
		r := w.call("GET", "/audit?per_page=3&cursor="+cursor, nil).has(200, `"per_page":3`)
		for _, e := range r.at("data").([]any) {
			ids = append(ids, e.(map[string]any)["id"].(string))
		}
		cursor, _ = r.at("pagination.next_cursor").(string)
	}
	if len(ids) != 7 || !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("the pages have %q", ids)
	}
	if got := w.call("GET", "/audit?actor=me&action=x&subject=y&subject_id=z&per_page=0&cursor=!&from=now", nil).errors(); len(got) != 7 {
		t.Errorf("faults: %q", got)
	}
}

func TestTheAuditLogHasPagesAndATotalLikeOtherLists(t *testing.T) {
	w, operator := newAdminWorld(t)
	o := w.newOwner(w.home, "agents")
	for range 5 {
		w.call("PATCH", o.hook+"/toggle", nil).has(200)
	}
	w.newOwner(w.other, "agents") // whose entries are in no page and no total
	for route, list := range map[string]func(query string) *reply{
		"/audit": func(query string) *reply { return w.call("GET", "/audit?"+query, nil) },
		"/admin/v1/audit": func(query string) *reply {
			return w.callAs(operator, "GET", "/admin/v1/audit?environment_id="+w.home.id.String()+"&"+query, nil)
		},
	} {
		t.Run(route, func(t *testing.T) {
			ids := func(r *reply) (found []string) {
				for _, e := range r.has(200).at("data").([]any) {
					found = append(found, e.(map[string]any)["id"].(string))
				}
				return found
			}
			all := ids(list("").has(200, `"pagination":{"current_page":1,"per_page":25,"total":7,"last_page":1}`))
			if len(all) != 7 {
				t.Fatalf("%d entries", len(all))
			}
			first, second, third := list("per_page=3"), list("per_page=3&page=2"), list("per_page=3&page=3")
			if pages := slices.Concat(ids(first), ids(second), ids(third)); !slices.Equal(pages, all) {
				t.Errorf("the pages have %q, want %q", pages, all)
			}
			second.has(200, `"current_page":2,"per_page":3,"total":7,"last_page":3,"next_cursor":"`)
			third.has(200, `"pagination":{"current_page":3,"per_page":3,"total":7,"last_page":3}`)
			list("per_page=3&page=4").is(200, `{"success":true,"data":[],"pagination":{"current_page":4,"per_page":3,"total":7,"last_page":3}}`)
			byCursor := list("per_page=3&page=3&cursor="+first.text("pagination.next_cursor")).has(200, `"current_page":1,"per_page":3,"total":7,`)
			if got := ids(byCursor); !slices.Equal(got, all[3:6]) {
				t.Errorf("the cursor leads to %q, want %q", got, all[3:6])
			}
			list("action=webhook.disabled&per_page=2&page=2").has(200, `"pagination":{"current_page":2,"per_page":2,"total":3,"last_page":2}`)
			wantList(t, "faults", list("page=0&per_page=101").errors(), []string{
				"page: The page must be between 1 and 1000000000.", "per_page: The per page must be between 1 and 100.",
			})
		})
	}
}

func TestALongAuditLogSaysThatItsTotalIsALowerBound(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Store = shortAudit{c.Store} })
	w.newOwner(w.home, "agents")
	r := w.call("GET", "/audit?per_page=1&action=webhook.deleted", nil).has(200, `"data":[]`, `"total":0,"total_is_lower_bound":true,"last_page":1,"next_cursor":"`)
	w.call("GET", "/audit?action=owner.created&cursor="+r.text("pagination.next_cursor"), nil).has(200, `"action":"owner.created"`)
}

// shortAudit is a store that scans one entry of the audit log for a page.
type shortAudit struct{ api.Store }

func (s shortAudit) ListAudit(ctx context.Context, p store.ListAudit) (store.AuditPage, error) {
	p.MaxScan = 1
	return s.Store.ListAudit(ctx, p)
}

func TestAnEntryIsThereIfTheChangeIs(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	before := len(w.auditOf(""))
	w.store.set(store.ErrUnavailable)
	w.call("PATCH", o.hook+"/toggle", nil).has(503)
	w.store.set(nil)
	w.call("PUT", o.hook, map[string]any{"timeout": "x"}).has(422)
	if after := len(w.auditOf("&subject=webhook")); after != before-1 {
		t.Errorf("%d entries before and %d after", before, after)
	}
}
