package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

const noEvent = `{"success":false,"message":"Event not found."}`

// putIn puts an event in that so many webhooks get, and gives its id.
func (w *world) putIn(path, event string, deliveries int, more ...any) string {
	w.t.Helper()
	body := map[string]any{"event": event, "payload": map[string]any{"call": 1.50}}
	for i := 0; i < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return w.call("POST", path, body).has(202, fmt.Sprintf(`"deliveries":%d`, deliveries)).text("data.event_id")
}

func TestAnEventThatGoesNowhereSaysWhy(t *testing.T) {
	w := newWorld(t)
	bare := w.call("POST", "/agents", map[string]any{"name": "Bare"}).has(201).text("data.id")
	agent, campaign := w.newOwner(w.home, "agents"), w.newOwner(w.home, "campaigns")
	calls := w.newOwner(w.home, "campaigns", "include_call_events", true)
	off := w.newOwner(w.home, "agents", "enabled", false)
	for name, test := range map[string]struct {
		path, event, campaign, want string
	}{
		"an agent without webhooks":                 {"/agents/" + bare + "/events", agent.event, "", "no_webhook"},
		"an event that nobody subscribes to":        {agent.events, "event_recording", "", "not_subscribed"},
		"of a campaign":                             {campaign.events, "campaign.started", "", "not_subscribed"},
		"a webhook that is disabled":                {off.events, off.event, "", "webhooks_disabled"},
		"one that is and does not subscribe":        {off.events, "event_recording", "", "not_subscribed"},
		"a campaign that does not take its calls'":  {"/agents/" + bare + "/events", agent.event, campaign.id, "not_subscribed"},
		"the agent does not, and the campaign does": {"/agents/" + bare + "/events", agent.event, calls.id, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			var more []any
			if test.campaign != "" {
				more = []any{"campaign_id", test.campaign}
			}
			deliveries := 0
			if test.want == "" {
				deliveries = 1
			}
			id := w.putIn(test.path, test.event, deliveries, more...)
			r := w.call("GET", "/events/"+id, nil).has(200, `"payload":{"call":1.5}`, `"id":"`+id)
			if test.want == "" {
				r.has(200, `"deliveries":[{"webhook_id":"`+calls.webhook).lacks("undelivered_reason")
				return
			}
			r.has(200, `"undelivered_reason":"`+test.want+`"`, `"deliveries":[]`)
			w.call("GET", "/events?undelivered=true&reason="+test.want, nil).has(200, id)
			w.call("GET", "/events?undelivered=false", nil).lacks(id)
		})
	}
	// A campaign's webhook that takes its calls' events and is disabled.
	w.call("PATCH", calls.hook+"/toggle", nil).has(200)
	id := w.putIn("/agents/"+bare+"/events", agent.event, 0, "campaign_id", calls.id)
	w.call("GET", "/events/"+id, nil).has(200, `"undelivered_reason":"webhooks_disabled"`, `"campaign_id":"`+calls.id)
}

func TestEventsAreListed(t *testing.T) {
	w := newWorld(t)
	agent, campaign := w.newOwner(w.home, "agents"), w.newOwner(w.home, "campaigns")
	var ids []string
	for range 3 {
		ids = append(ids, w.putIn(agent.events, agent.event, 1), w.putIn(agent.events, "event_recording", 0, "campaign_id", campaign.id),
			w.putIn(campaign.events, campaign.event, 1))
	}
	w.call("POST", agent.hook+"/test", nil) // it is not among them
	first := w.call("GET", "/events/"+ids[0], nil).text("data.created_at")
	for query, total := range map[string]int{
		"": 9, "agent_id=" + agent.id: 6, "campaign_id=" + campaign.id: 6, "event=event_recording": 3, "event=never": 0,
		"agent_id=" + campaign.id: 0, "undelivered=true": 3, "undelivered=false": 6, "undelivered=1&event=campaign.completed": 0, "reason=not_subscribed": 3,
		"reason=not_subscribed&undelivered=0": 0, "from=" + first: 9, "to=" + first: 1, "from=2100-01-01T00:00:00Z": 0,
	} {
		w.call("GET", "/events?"+query, nil).has(200, fmt.Sprintf(`"total":%d,`, total)).lacks("total_is_lower_bound", "payload", "deliveries")
	}
	var got []string
	cursor := ""
	for range 3 {
		r := w.call("GET", "/events?per_page=3"+cursor, nil).has(200, `"total":9`)
		for i := range 3 {
			got = append([]string{r.text(fmt.Sprintf("data.%d.id", i))}, got...)
		}
		if len(got) < 9 {
			cursor = "&cursor=" + r.text("pagination.next_cursor")
		} else {
			r.lacks("next_cursor")
		}
	}
	wantList(t, "pages by cursor", got, ids)
	w.call("GET", "/events?per_page=2&page=5", nil).has(200, ids[0], `"current_page":5`, `"last_page":5`)
	for query, want := range map[string]string{
		"undelivered=perhaps": "undelivered: The undelivered field must be true or false.",
		"reason=laziness":     "reason: The selected reason is invalid.",
		"agent_id=1":          "agent_id: The agent id must be a valid UUID.",
		"cursor=x":            "cursor: The selected cursor is invalid.",
		"per_page=101":        "per_page: The per page must be between 1 and 100.",
		"from=soon":           "from: The from must be a valid RFC 3339 time.",
		"agent_id=" + agent.id + "&campaign_id=" + campaign.id: "campaign_id: The campaign id field is not allowed when agent id is present.",
	} {
		wantList(t, query, w.call("GET", "/events?"+query, nil).errors(), []string{want})
	}
	for _, id := range []string{"x", "00000000-0000-0000-0000-000000000000", agent.id} {
		w.call("GET", "/events/"+id, nil).is(404, noEvent)
	}
	w.call("GET", "/events/batch", nil).has(405)
	w.call("POST", "/events", "{}").has(405)
}

func TestAnEventTellsHowItStands(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	log := w.failedLog(o)
	event := "/events/" + w.call("GET", log, nil).text("data.event_id")
	w.call("GET", event, nil).has(200, `"status":"failed","http_status":500,"attempts":1`, `"webhook_name":"CRM"`, `"agent_id":"`+o.id)
	again := w.call("POST", log+"/retry", nil).has(200).text("data.log_id")
	w.call("GET", event, nil).has(200, `"log_id":"`+again+`","status":"pending","attempts":2`)
	w.call("DELETE", o.hook, nil).has(200)
	w.call("GET", event, nil).has(200, `"log_id":"`+again)
}

func TestAnEventIsReplayed(t *testing.T) {
	for _, plural := range plurals {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			other := map[string]string{"agents": "event_recording", "campaigns": "campaign.started"}[plural]
			var missed []string
			for range 3 {
				missed = append(missed, w.putIn(o.events, other, 0))
			}
			sent := w.publish(o)
			w.finish(o, answeredWith(200), time.Time{})
			w.call("POST", o.hook+"/replay", map[string]any{"dry_run": true}).is(200, `{"success":true,"data":{"matching":0,"sample":[]}}`)
			w.call("POST", o.hook+"/replay", map[string]any{"dry_run": true, "events": []string{other}}).has(200, `"matching":3`, missed[2])
			w.call("POST", o.hook+"/replay", map[string]any{"dry_run": true, "undelivered": false}).has(200, `"matching":1`, sent.String())
			w.call("PUT", o.hook, map[string]any{"events": []string{o.event, other}}).has(200)

			r := w.call("POST", o.hook+"/replay", map[string]any{"from": "2025-09-03T10:00:00+02:00"}).has(202, `"message":"Replay queued"`,
				`"kind":"replay","status":"queued"`, `"matched":3,"retried":0`, `"undelivered":true`, `"from":"2025-09-03T08:00:00.000000Z"`)
			o.job = o.hook + "/retries/" + r.text("data.id")
			w.call("POST", o.hook+"/replay", map[string]any{}).has(409, "BULK_RETRY_OPEN")
			w.call("POST", o.hook+"/logs/retry", map[string]any{}).has(409, "BULK_RETRY_OPEN")
			w.call("PATCH", o.job, map[string]any{"paused": true}).has(200, `"status":"paused"`)
			w.call("PATCH", o.job, map[string]any{"paused": false}).has(200)
			w.runBulk(o, "done")
			w.call("GET", o.job, nil).has(200, `"kind":"replay"`, `"retried":3,"skipped":{"total":0,`, `"remaining":0`)
			w.call("GET", o.hook+"/retries", nil).has(200, `"kind":"replay"`)

			done := w.finish(o, answeredWith(204), time.Time{})
			if len(done) != 3 {
				t.Fatalf("%d are sent", len(done))
			}
			for _, d := range done {
				w.call("GET", o.hook+"/logs/"+d.ID.String(), nil).has(200, `"attempt":1,"trigger":"bulk","status":"success"`).lacks("original_log_id")
				w.call("GET", "/events/"+d.EventID.String(), nil).has(200, `"status":"success","http_status":204,"attempts":1`).lacks("undelivered_reason")
			}
			w.call("GET", "/events?undelivered=true", nil).has(200, `"total":0`)
			r = w.call("POST", o.hook+"/replay", map[string]any{"event_ids": []string{missed[0], sent.String(), missed[0]}}).has(202, `"matched":2`, `"undelivered":false`)
			o.job = o.hook + "/retries/" + r.text("data.id")
			w.runBulk(o, "done")
			w.call("GET", o.job, nil).has(200, `"retried":0,"skipped":{"total":2,"already_succeeded":2`)
		})
	}
}

func TestACampaignsWebhookIsSentItsCallsEventsIfItWantsThem(t *testing.T) {
	w := newWorld(t)
	agent := w.call("POST", "/agents", map[string]any{"name": "Ana"}).has(201).text("data.id")
	own, all := w.newOwner(w.home, "campaigns"), w.newOwner(w.home, "campaigns", "include_call_events", true, "enabled", false)
	inOwn := w.putIn("/agents/"+agent+"/events", "event_recording", 0, "campaign_id", own.id)
	inAll := w.putIn("/agents/"+agent+"/events", "event_recording", 0, "campaign_id", all.id)
	w.call("PATCH", all.hook+"/toggle", nil).has(200)
	w.call("POST", all.hook+"/replay", map[string]any{"dry_run": true}).has(200, `"matching":1`, inAll)
	w.call("POST", all.hook+"/replay", map[string]any{"dry_run": true, "events": []string{"event_recording"}}).has(200, `"matching":1`)
	w.call("POST", own.hook+"/replay", map[string]any{"dry_run": true}).has(200, `"matching":0`)
	wantList(t, "not of its kind", w.call("POST", own.hook+"/replay", map[string]any{"events": []string{"event_phone_call_ended"}}).errors(),
		[]string{"events.0: The selected events.0 is invalid."})
	wantList(t, "not its own", w.call("POST", own.hook+"/replay", map[string]any{"event_ids": []string{inOwn}}).errors(),
		[]string{"event_ids.0: The selected event_ids.0 is invalid."})
}

func TestFaultsOfAReplay(t *testing.T) {
	w := newWorld(t)
	o, stranger := w.newOwner(w.home, "agents"), w.newOwner(w.home, "agents")
	mine, foreign := w.putIn(o.events, "event_recording", 0), w.putIn(stranger.events, "event_recording", 0)
	var many []carteiro.ID
	for range carteiro.MaxReplayIDs + 1 {
		many = append(many, w.ids.New(time.Now()))
	}
	for _, test := range []struct {
		body any
		want []string
	}{
		{`{"events":"x","event_ids":7}`, []string{"event_ids: The event ids must be an array.", "events: The events must be an array."}},
		{`{"events":[],"event_ids":[]}`, []string{"event_ids: The event ids field must contain at least 1 items.", "events: The events field must contain at least 1 items."}},
		{`{"events":["nothing",1],"event_ids":["x",2]}`, []string{
			"event_ids.0: The event_ids.0 must be a valid UUID.", "event_ids.1: The event_ids.1 must be a string.",
			"events.0: The selected events.0 is invalid.", "events.1: The events.1 must be a string."}},
		{map[string]any{"event_ids": many}, []string{"event_ids: The event ids field must contain at most 100 items."}},
		{map[string]any{"event_ids": []string{mine, foreign}}, []string{"event_ids.1: The selected event_ids.1 is invalid."}},
		{`{"from":"yesterday","to":7,"undelivered":"no","dry_run":1}`, []string{
			"dry_run: The dry run field must be true or false.", "from: The from must be a valid RFC 3339 time.", "to: The to must be a string.",
			"undelivered: The undelivered field must be true or false."}},
	} {
		wantList(t, fmt.Sprint(test.body), w.call("POST", o.hook+"/replay", test.body).errors(), test.want)
	}
	w.call("PATCH", o.hook+"/toggle", nil).has(200)
	w.call("POST", o.hook+"/replay", map[string]any{}).has(422, "WEBHOOK_DISABLED")
	w.call("DELETE", o.hook, nil).has(200)
	w.call("POST", o.hook+"/replay", map[string]any{}).is(404, noWebhook)
}

func TestAnOwnerCreatedAgainDoesNotInheritEvents(t *testing.T) {
	w := newWorld(t)
	path := "/agents/" + w.ids.New(time.Now()).String()
	event := func() string {
		return w.call("POST", path+"/events", map[string]any{"event": "event_recording", "payload": map[string]any{}}).has(202).text("data.event_id")
	}
	w.call("PUT", path, map[string]any{"name": "Ana"}).has(201)
	old := event()
	w.call("DELETE", path, nil).has(200)
	w.call("PUT", path, map[string]any{"name": "Ana"}).has(201)
	young := event()
	hook := path + "/webhooks/" + w.call("POST", path+"/webhooks", map[string]any{
		"name": "x", "webhook_url": "https://example.com", "events": []string{"event_recording"},
	}).has(201).text("data.id")
	w.call("POST", hook+"/replay", map[string]any{"dry_run": true}).has(200, `"matching":1`, young)
	wantList(t, "its predecessor's", w.call("POST", hook+"/replay", map[string]any{"event_ids": []string{old, young}}).errors(),
		[]string{"event_ids.0: The selected event_ids.0 is invalid."})
	w.call("POST", hook+"/replay", map[string]any{"undelivered": false}).has(202, `"matched":1`)
}
