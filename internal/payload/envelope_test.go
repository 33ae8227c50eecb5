package payload_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carteiro/carteiro/internal/payload"
)

var occurred = time.Date(2025, 9, 3, 20, 19, 51, 123_456_789, time.FixedZone("west", -3*3600))

func agentEnvelope() payload.Envelope {
	return payload.Envelope{
		Event: "event_phone_call_ended", AgentID: "a-1", AgentName: "Ana", WebhookID: "w-1", WebhookName: "CRM",
		OccurredAt: occurred,
	}
}

// agentHead is what agentEnvelope writes.
const agentHead = `{"event":"event_phone_call_ended","agent_id":"a-1","agent_name":"Ana","webhook_id":"w-1",` +
	`"webhook_name":"CRM","timestamp":"2025-09-03T23:19:51.123456Z"`

func TestBodyIsFlatEnvelopeFirst(t *testing.T) {
	campaign := agentEnvelope()
	campaign.AgentID, campaign.AgentName, campaign.CampaignID, campaign.CampaignName = "", "", "c-1", "Spring"
	both := agentEnvelope()
	both.CampaignID, both.CampaignName = "c-1", "Spring"
	nameless := agentEnvelope()
	nameless.AgentName = ""
	tests := []struct {
		name     string
		envelope payload.Envelope
		want     string
	}{
		{"event of an agent", agentEnvelope(), agentHead + `,"n":1}`},
		{"event of a campaign", campaign, `{"event":"event_phone_call_ended","campaign_id":"c-1","campaign_name":"Spring",` +
			`"webhook_id":"w-1","webhook_name":"CRM","timestamp":"2025-09-03T23:19:51.123456Z","n":1}`},
		{"agent's event at a campaign's webhook", both, `{"event":"event_phone_call_ended","agent_id":"a-1",` +
			`"agent_name":"Ana","campaign_id":"c-1","campaign_name":"Spring","webhook_id":"w-1","webhook_name":"CRM",` +
			`"timestamp":"2025-09-03T23:19:51.123456Z","n":1}`},
		{"an agent without a name", nameless, strings.Replace(agentHead, `"Ana"`, `""`, 1) + `,"n":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := tt.envelope.Body([]byte(`{"n":1}`)); string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// The wire contract, section 2, shows this body.
func TestBodyOfATestIsTheDocumentedOne(t *testing.T) {
	envelope := payload.Envelope{
		Event: "webhook.test", AgentID: "a-1", AgentName: "Ana", WebhookID: "w-1", WebhookName: "CRM",
		OccurredAt: time.Date(2025, 9, 3, 23, 19, 51, 0, time.UTC), Test: true,
	}
	const want = `{"event":"webhook.test","agent_id":"a-1","agent_name":"Ana","webhook_id":"w-1","webhook_name":"CRM",` +
		`"timestamp":"2025-09-03T23:19:51.000Z","test":true}`
	if got, _ := envelope.Body([]byte(`{}`)); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTimestampHasItsFractionalDigits(t *testing.T) {
	tests := []struct {
		nanoseconds int
		test        bool
		want        string
	}{
		{0, false, "00.000000Z"}, {999_999_999, false, "00.999999Z"}, {1_000, false, "00.000001Z"}, {999, false, "00.000000Z"},
		{0, true, "00.000Z"}, {999_999_999, true, "00.999Z"}, {120_000_000, true, "00.120Z"},
	}
	for _, tt := range tests {
		envelope := payload.Envelope{OccurredAt: time.Date(2025, 1, 1, 0, 0, 0, tt.nanoseconds, time.UTC), Test: tt.test}
		if got, _ := envelope.Body([]byte(`{}`)); !strings.Contains(string(got), `"timestamp":"2025-01-01T00:00:`+tt.want+`"`) {
			t.Errorf("%d ns, test %v: got %s, want %s", tt.nanoseconds, tt.test, got, tt.want)
		}
	}
}

func TestBodySplicesThePayload(t *testing.T) {
	tests := []struct{ name, payload, wantTail string }{
		{"empty", `{}`, `}`},
		{"empty, spaced", " \r\n{ \t}\n", " \t}\n"},
		{"spaced", "  { \"a\" : 1 ,\n\"b\":[ ]} ", `, "a" : 1 ,` + "\n" + `"b":[ ]} `},
		{"numbers as written", `{"a":1.0,"b":1e400,"c":12345678901234567890123}`, `,"a":1.0,"b":1e400,"c":12345678901234567890123}`},
		{"spelling as written", `{"a":"\u00e9\/<&>","b":"é"}`, `,"a":"\u00e9\/<&>","b":"é"}`},
		{"names twice", `{"a":1,"a":2}`, `,"a":1,"a":2}`},
		{"an empty name", `{"":1}`, `,"":1}`},
		{"the envelope's names further down", `{"call":{"event":"x","timestamp":1}}`, `,"call":{"event":"x","timestamp":1}}`},
		{"the envelope's names as values", `{"a":"event","b":["agent_id"]}`, `,"a":"event","b":["agent_id"]}`},
		{"names that are only like the envelope's", `{"Event":1,"event ":2,"events":3,"webhook":4}`, `,"Event":1,"event ":2,"events":3,"webhook":4}`},
		{"names that the envelope has elsewhere", `{"campaign_id":"x","campaign_name":2,"test":3}`, `,"campaign_id":"x","campaign_name":2,"test":3}`},
		{"brackets and quotes in strings", `{"a":"}],\"event\":{[","b\"":1}`, `,"a":"}],\"event\":{[","b\"":1}`},
		{"backslashes before a quote", `{"a\\":"\\\\","b":"\\\""}`, `,"a\\":"\\\\","b":"\\\""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, shared := agentEnvelope().Body([]byte(tt.payload))
			if string(got) != agentHead+tt.wantTail {
				t.Errorf("got  %s\nwant %s", got, agentHead+tt.wantTail)
			}
			mustBeJSON(t, got)
			if shared != len(strings.TrimPrefix(tt.wantTail, ",")) || !bytes.HasSuffix([]byte(tt.payload), got[len(got)-shared:]) {
				t.Errorf("%d bytes are said to be shared", shared)
			}
		})
	}
}

func TestTheEnvelopeStandsOnAClashOfNames(t *testing.T) {
	tests := []struct{ name, payload, wantTail string }{
		{"only", `{"event":"mine"}`, `}`},
		{"first", `{"event":"mine", "b" : 2 }`, `,"b" : 2}`},
		{"middle", `{"a":1,"timestamp":0,"b":2}`, `,"a":1,"b":2}`},
		{"last", `{ "a" :[1, 2], "webhook_id" : {"x":[]} } `, `,"a" :[1, 2]}`},
		{"all", `{"event":1,"agent_id":2,"agent_name":3,"webhook_id":4,"webhook_name":5,"timestamp":6}`, `}`},
		{"twice", `{"event":1,"a":1,"event":2}`, `,"a":1}`},
		{"escaped", `{"ev\u0065nt":1,"a":1}`, `,"a":1}`},
		{"escaped whole", `{"\u0061\u0067\u0065\u006E\u0074\u005f\u006e\u0061\u006d\u0065":1,"a":1}`, `,"a":1}`},
		{"beside a name longer than any", `{"` + strings.Repeat("event", 99) + `":1,"event":2}`, `,"` + strings.Repeat("event", 99) + `":1}`},
		{"others stay as written", `{"event":1,"b":1.0,"a":"\u00e9","a":2}`, `,"b":1.0,"a":"\u00e9","a":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, shared := agentEnvelope().Body([]byte(tt.payload))
			if string(got) != agentHead+tt.wantTail {
				t.Errorf("got  %s\nwant %s", got, agentHead+tt.wantTail)
			}
			if shared != 0 {
				t.Errorf("%d bytes are said to be shared", shared)
			}
			mustBeJSON(t, got)
		})
	}
}

func TestNamesClashOnlyWithWhatTheEnvelopeCarries(t *testing.T) {
	const all = `{"agent_id":1,"agent_name":2,"campaign_id":3,"campaign_name":4,"test":5}`
	tests := []struct {
		name     string
		envelope payload.Envelope
		wantTail string
	}{
		{"no owner", payload.Envelope{}, `,"agent_id":1,"agent_name":2,"campaign_id":3,"campaign_name":4,"test":5}`},
		{"agent", payload.Envelope{AgentID: "a"}, `,"campaign_id":3,"campaign_name":4,"test":5}`},
		{"campaign", payload.Envelope{CampaignID: "c"}, `,"agent_id":1,"agent_name":2,"test":5}`},
		{"both", payload.Envelope{AgentID: "a", CampaignID: "c"}, `,"test":5}`},
		{"both, test", payload.Envelope{AgentID: "a", CampaignID: "c", Test: true}, `,"test":true}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := tt.envelope.Body([]byte(all)); !strings.HasSuffix(string(got), tt.wantTail) {
				t.Errorf("got %s, want it to end in %s", got, tt.wantTail)
			}
		})
	}
}

func TestNamesAreEncodedAsTheStandardLibraryDoesWithoutHTML(t *testing.T) {
	every := make([]rune, 0, 0x300)
	for r := range rune(0x300) {
		every = append(every, r)
	}
	for _, name := range []string{
		"", "<b>&</b>", `"quoted" \ slash /`, string(every), "\xff\xfea\xc3", "\xed\xa0\x80", "\u2028\u2029\ufffd", "😀", "\x00",
	} {
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(name); err != nil {
			t.Fatal(err)
		}
		got, _ := payload.Envelope{Event: name}.Body([]byte(`{}`))
		if !bytes.HasPrefix(got, append([]byte(`{"event":`), bytes.TrimSpace(want.Bytes())...)) {
			t.Errorf("%q: got %s, want %s", name, got, want.Bytes())
		}
	}
}

func TestBodyAllocatesOnlyItsResult(t *testing.T) {
	envelope := agentEnvelope()
	for _, raw := range []string{`{"a":1}`, `{"\u0061":1,"event":2}`} {
		if n := testing.AllocsPerRun(100, func() { envelope.Body([]byte(raw)) }); n > 1 {
			t.Errorf("%s: %v allocations", raw, n)
		}
	}
}

func TestBodyIsTheEnvelopeOverThePayload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		envelope := payload.Envelope{
			Event:        rapid.String().Draw(t, "event"),
			AgentID:      rapid.SampledFrom([]string{"", "a-1"}).Draw(t, "agent id"),
			AgentName:    rapid.String().Draw(t, "agent name"),
			CampaignID:   rapid.SampledFrom([]string{"", "c-1"}).Draw(t, "campaign id"),
			CampaignName: rapid.String().Draw(t, "campaign name"),
			WebhookID:    "w-1",
			WebhookName:  rapid.String().Draw(t, "webhook name"),
			OccurredAt:   time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 0),
			Test:         rapid.Bool().Draw(t, "test"),
		}
		raw := []byte(objectText(t, 3))
		body, shared := envelope.Body(raw)

		want := decodeObject(t, raw)
		maps.Copy(want, membersOf(envelope))
		if got := decodeObject(t, body); !reflect.DeepEqual(got, want) {
			t.Fatalf("payload %s\nbody %s\ngot  %v\nwant %v", raw, body, got, want)
		}
		if !bytes.HasSuffix(raw, body[len(body)-shared:]) {
			t.Fatalf("payload %s\nbody %s\n%d bytes are not shared", raw, body, shared)
		}
	})
}

// membersOf is what the envelope says, by another way than its own.
func membersOf(e payload.Envelope) map[string]any {
	layout := "2006-01-02T15:04:05.000000Z07:00"
	if e.Test {
		layout = "2006-01-02T15:04:05.000Z07:00"
	}
	members := map[string]any{
		"event": e.Event, "webhook_id": e.WebhookID, "webhook_name": e.WebhookName,
		"timestamp": e.OccurredAt.UTC().Format(layout),
	}
	if e.AgentID != "" {
		members["agent_id"], members["agent_name"] = e.AgentID, e.AgentName
	}
	if e.CampaignID != "" {
		members["campaign_id"], members["campaign_name"] = e.CampaignID, e.CampaignName
	}
	if e.Test {
		members["test"] = true
	}
	return members
}

func FuzzBodyIsJSONForEveryObject(f *testing.F) {
	f.Add([]byte(`{"a":1}`), "event")
	f.Add([]byte(` {"ev\u0065nt":1,"b":[{}]} `), "\xff<")
	f.Add([]byte(`{"test":"\\\"","test":2}`), "")
	f.Add([]byte(`{"a":`), "")
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		envelope := payload.Envelope{Event: name, AgentID: name, AgentName: name, WebhookName: name, Test: len(raw)%2 == 0}
		body, shared := envelope.Body(raw) // of whatever it is, it must give something
		if payload.CheckObject(raw, payload.Limits{MaxBytes: 1 << 30, MaxDepth: 1000}) != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("payload %q gave the body %q", raw, body)
		}
		if !bytes.HasSuffix(raw, body[len(body)-shared:]) {
			t.Fatalf("payload %q, body %q: %d bytes are not shared", raw, body, shared)
		}
	})
}
