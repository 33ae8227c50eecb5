package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/payload"
)

// FuzzCloudEvent: whatever comes in, the library does not panic, what is refused is refused well, and what is accepted
// has a payload, a key, and a type of the catalogue.
func FuzzCloudEvent(f *testing.F) {
	const whose = `"agentid":"01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"`
	for _, seed := range []string{
		`{"specversion":"1.0","id":"1","source":"/x","type":"event_action",` + whose + `,"data":{}}`,
		`{"data_base64":"e30=","id":"1","source":"/x","type":"event_action",` + whose + `,"specversion":"1.0"}`,
		`{"specversion":"1.0","data_base64":7}`, `{"data_base64":"","specversion":"1.0"}`, `{"data_base64":null,"specversion":"1.0"}`,
		`{"specversion":"1.0","x":{},"time":"","dataschema":"%"}`, `{"specversion":"0.3","datacontentencoding":null}`, `{"datacontentencoding":7,"specversion":"0.3"}`,
	} {
		f.Add([]byte(seed), "", "")
	}
	f.Add([]byte(`{}`), "Ce-", "1.0")
	f.Add([]byte(`{}`), "Ce-Time", "x")
	s := newDecoder()
	f.Fuzz(func(t *testing.T, body []byte, name, value string) {
		header := http.Header{"Content-Type": {typeCloudEvent}}
		if name != "" {
			header = http.Header{
				"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/x"}, "Ce-Type": {"event_action"},
				"Ce-Agentid": {"01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"},
			}
			header[http.CanonicalHeaderKey(name)] = []string{value}
		}
		item := batchItem{raw: bytes.Clone(body)}
		if err := s.readCloudEvent(&item, header, carteiro.ID{}); err != nil {
			wellFormed(t, err)
			return
		}
		clear(item.raw) // the event must not depend on it
		e := item.event
		if err := payload.CheckObject(e.Payload, payload.Limits{}); err != nil || e.Key == nil || !json.Valid(e.Payload) || !s.Catalogue.Has(item.kind.owner, e.Type) {
			t.Errorf("%s: accepted %+v with %s: %v", body, e, e.Payload, err)
		}
	})
}
