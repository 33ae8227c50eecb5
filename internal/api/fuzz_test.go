package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/payload"
	"github.com/carteiro/carteiro/internal/store"
)

func newDecoder() *server {
	return New(Config{Catalogue: carteiro.NewCatalogue(nil, nil), MaxPayload: 4 << 10}).(*server)
}

// wellFormed checks what any refusal must be: a known status, and a body that is JSON.
func wellFormed(t *testing.T, err error) {
	t.Helper()
	f, internal := failureOf(err, "id")
	if internal || f.status < 400 || f.status > 499 || !json.Valid(f.body) {
		t.Errorf("%v is answered %d %s", err, f.status, f.body)
	}
}

// FuzzDecodeEvent: whatever comes in, an event that is accepted is what encoding/json reads in the body, its payload to
// the byte, and nothing else is accepted.
func FuzzDecodeEvent(f *testing.F) {
	for _, seed := range []string{
		`{"event":"event_action","payload":{}}`,
		` {"payload" : {"a":[1,{"b":"}\\\""}]} , "event":"event_\u0061ction","occurred_at":"2025-09-03T23:19:51Z","campaign_id":"01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"} `,
		`{"event":"event_action","event":"event_action","payload":{}}`, `{"event":null,"payload":null}`, `[]`, `{}`, ``, `{"payload":{}`,
		`{"event":"event_action","payload":{"":""},"x":[[[]]],"y":-1.5e+3,"z":true}`,
	} {
		f.Add([]byte(seed))
	}
	s := newDecoder()
	f.Fuzz(func(t *testing.T, kept []byte) {
		body := bytes.Clone(kept)
		e, err := s.decodeEvent(&request{Request: &http.Request{}}, s.agents, store.OwnerRef{}, body)
		if err != nil {
			wellFormed(t, err)
			return
		}
		clear(body) // the event must not depend on it
		var want struct {
			Event   string
			Payload json.RawMessage
		}
		// encoding/json takes names in any case and the last of several: compare only what has no such names.
		if strings.Count(strings.ToLower(string(kept)), "event") == 2 && strings.Count(strings.ToLower(string(kept)), "payload") == 1 {
			if err := json.Unmarshal(kept, &want); err != nil || want.Event != e.Type || want.Payload != nil && !bytes.Equal(want.Payload, e.Payload) {
				t.Errorf("%s: read %q %s, %v", kept, e.Type, e.Payload, err)
			}
		}
		if err := payload.CheckObject(e.Payload, payload.Limits{}); err != nil || !bytes.Contains(kept, e.Payload) || !s.Catalogue.Has(carteiro.OwnerAgent, e.Type) {
			t.Errorf("%s: accepted %q %s: %v", kept, e.Type, e.Payload, err)
		}
	})
}

// FuzzDecodeWebhook: whatever comes in, a webhook that is accepted is one that the contract allows.
func FuzzDecodeWebhook(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x","webhook_url":"https://example.com","events":["event_action"]}`,
		`{"name":"x","webhook_url":"https://example.com","events":["event_action"],"timeout":5.0,"max_retries":1e1,"enabled":false,"http_method":"PUT",
			"authorization_scheme":"basic","authorization_value":"a:b","custom_headers":[{"key":"X-A","value":"1"}],
			"payload_templates":{"event_action":{"a":"{{b}}"}},"webhook_secret":"whsec_c2VjcmV0"}`,
		`{"events":[7,null,{}],"custom_headers":[{"key":"Host","value":"\r\n"}],"payload_templates":{"x":7}}`, `{"name":{}}`, `[]`, `{"timeout":-0}`,
	} {
		f.Add([]byte(seed))
	}
	s := newDecoder()
	f.Fuzz(func(t *testing.T, sent []byte) {
		body := bytes.Clone(sent)
		w := carteiro.Webhook{OwnerKind: carteiro.OwnerAgent, Timeout: carteiro.DefaultTimeout, HTTPMethod: "POST", AuthorizationScheme: "none"}
		err := checkObject(body)
		if err == nil {
			var faults faults
			var in input
			if in, err = readInput(body, webhookFields, true, &faults); err == nil {
				_, err = s.readWebhook(&in, &w, s.agents, true)
			}
		}
		if err != nil {
			wellFormed(t, err)
			return
		}
		clear(body)
		length := utf8.RuneCountInString
		switch {
		case w.Name == "" || length(w.Name) > 255 || length(w.URL) > 500 || s.guard.CheckURL(w.URL) != nil, len(w.Events) == 0,
			w.Timeout < carteiro.MinTimeout || w.Timeout > carteiro.MaxTimeout, w.MaxRetries < 0 || w.MaxRetries > 10, length(w.Secret) > 255,
			w.AuthorizationScheme != "none" && w.AuthorizationValue == "" && len(w.CustomHeaders) == 0:
			t.Errorf("accepted %+v", w)
		}
		for _, h := range w.CustomHeaders {
			if carteiro.ReservedHeader(h.Key) || strings.ContainsAny(h.Key+h.Value, "\r\n\x00") {
				t.Errorf("accepted %+v", h)
			}
		}
		for name, template := range w.PayloadTemplates {
			if _, err := payload.Compile(template); err != nil {
				t.Errorf("accepted %s: %s: %v", name, template, err)
			}
		}
		if _, err := json.Marshal(showWebhook(&w)); err != nil {
			t.Error(err)
		}
	})
}

// FuzzReadBatch: a batch is cut into all its items or refused.
func FuzzReadBatch(f *testing.F) {
	f.Add([]byte(`[{"a":"]"},7,[1,2],"\""]`), false)
	f.Add([]byte("{}\n\n7\r\nnot json"), true)
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		contentType := "application/json"
		if lines {
			contentType = "application/x-ndjson"
		}
		var found faults
		s := newDecoder()
		sent, err := http.NewRequest(http.MethodPost, "/events/batch", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r := &request{Request: sent, s: s}
		var items [][]byte
		b := new(batch)
		sum, err := r.readBatch(contentType, b, true, &found, func(item *batchItem) error {
			items = append(items, bytes.Clone(item.raw))
			return s.readItem(item, carteiro.ID{1})
		})
		if err != nil {
			wellFormed(t, err)
			return
		}
		if sum != fingerprint(sent.Method, sent.URL.Path, body) || len(b.items) != len(items) {
			t.Errorf("%s: %d results for %d items, fingerprint %x", body, len(b.items), len(items), sum)
		}
		for _, result := range b.items {
			if result.err != nil {
				wellFormed(t, result.err)
			}
		}
		var want []json.RawMessage
		if lines {
			for line := range bytes.Lines(body) {
				if line = bytes.TrimSpace(line); len(line) > 0 {
					want = append(want, line)
				}
			}
			if len(want) != len(items) {
				t.Fatalf("%s: %d items, want %d", body, len(items), len(want))
			}
		} else if err := json.Unmarshal(body, &want); err != nil || len(want) != len(items) {
			t.Fatalf("%s: %d items, want %d, %v", body, len(items), len(want), err)
		}
		for i := range want {
			if !bytes.Equal(want[i], items[i]) {
				t.Errorf("%s: item %d is %s", body, i, items[i])
			}
		}
	})
}

// FuzzCursor: a cursor that is taken is the one that was given for its entry.
func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor(carteiro.ID{1, 2, 3}))
	f.Add("AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("\n\n\n\n\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := decodeCursor(s); ok && (encodeCursor(id) != s || id.IsZero()) {
			t.Errorf("%q is taken for %s", s, id)
		}
	})
}
