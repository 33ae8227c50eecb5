package settings_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store/settings"
)

// full is a webhook with every setting that is kept here.
func full() *carteiro.Webhook {
	w := webhook()
	w.URL, w.Events, w.IncludeCallEvents = "https://example.com/hook", []string{"event_action", "event_recording"}, true
	w.SignatureScheme, w.HeaderStyle = carteiro.SignatureEd25519, carteiro.HeadersBoth
	w.FormerSecrets = append(w.FormerSecrets, carteiro.FormerSecret{Secret: "older", Scheme: carteiro.SignatureEd25519, EndsAt: time.UnixMicro(7).UTC()})
	w.Timeout, w.MaxRetries, w.HTTPMethod = 17*time.Second, 4, "PUT"
	w.AuthorizationScheme = carteiro.AuthorizationBearer
	w.PayloadTemplates = map[string]json.RawMessage{"event_action": json.RawMessage(`{ "a" : "{{b}}" }`)}
	return w
}

func TestEverySettingIsReadBackAsItWas(t *testing.T) {
	ring := keys(t)
	minimal := &carteiro.Webhook{ID: carteiro.ID{1}}
	for name, w := range map[string]*carteiro.Webhook{"full": full(), "minimal": minimal} {
		for by, ring := range map[string]*seal.Keyring{"open": nil, "sealed": ring} {
			for _, wide := range []bool{true, false} {
				encoded, _, err := settings.Encode(w, ring, wide)
				if err != nil {
					t.Fatal(err)
				}
				got := &carteiro.Webhook{ID: w.ID}
				if err := settings.Decode(encoded, got, ring); err != nil || !reflect.DeepEqual(got, w) {
					t.Errorf("%s, %s, wide %v: %v: decoded as\n%#v, want\n%#v", name, by, wide, err, *got, *w)
				}
			}
		}
	}
}

// A key is named only where something is encrypted by it: settings without a secret need none.
func TestSettingsWithoutSecretsNeedNoKey(t *testing.T) {
	w := &carteiro.Webhook{ID: carteiro.ID{1}, Name: "CRM"}
	for _, ring := range []*seal.Keyring{nil, keys(t)} {
		encoded, by, err := settings.Encode(w, ring, true)
		if err != nil || by != nil || bytes.Contains(encoded, []byte("sealed")) {
			t.Errorf("by %v, %v: %s", by, err, encoded)
		}
	}
}

// Nodes of the release before read only the headers that were secret to it.
func TestTheNarrowRuleSealsWhatTheReleaseBeforeDid(t *testing.T) {
	ring := keys(t)
	for header, test := range map[carteiro.Header]struct{ wide, narrow bool }{
		{Key: "X-Team"}: {false, false}, {Key: "X-Team", Secret: true}: {true, false},
		{Key: "X-Session-Id"}: {true, true}, {Key: "COOKIE"}: {true, true}, {Key: "X-API-KEY"}: {true, true},
	} {
		header.Value = "planted"
		w := &carteiro.Webhook{ID: carteiro.ID{1}, CustomHeaders: []carteiro.Header{header}}
		for wide, sealed := range map[bool]bool{true: test.wide, false: test.narrow} {
			encoded, by, err := settings.Encode(w, ring, wide)
			if err != nil {
				t.Fatal(err)
			}
			if err := settings.Decode(encoded, &carteiro.Webhook{ID: w.ID}, ring); err != nil {
				t.Errorf("%+v by the wide rule (%v): %v", header, wide, err)
			}
			if got := !bytes.Contains(encoded, []byte("planted")); got != sealed || (by != nil) != sealed {
				t.Errorf("%+v is sealed by the wide rule (%v): %v", header, wide, got)
			}
		}
	}
}

func TestADeletedWebhookIsKeptAndReadWithoutSecrets(t *testing.T) {
	ring, w := keys(t), full()
	earlier, _, err := settings.Encode(w, ring, true) // by a release that kept them
	if err != nil {
		t.Fatal(err)
	}
	w.DeletedAt = time.UnixMicro(9).UTC()
	encoded, by, err := settings.Encode(w, ring, true)
	if err != nil || by != nil || bytes.Contains(encoded, []byte("planted")) || w.Secret == "" {
		t.Errorf("by %v, %v: %s", by, err, encoded)
	}
	want := full()
	want.DeletedAt = w.DeletedAt
	want.EraseSecrets()
	for name, stored := range map[string][]byte{"by this release": encoded, "by an earlier one": earlier} {
		got := &carteiro.Webhook{ID: w.ID, DeletedAt: w.DeletedAt}
		if err := settings.Decode(stored, got, nil); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v: decoded as\n%#v, want\n%#v", name, err, *got, *want)
		}
	}
}

func TestWhoeverNeedsNoSecretsGetsNone(t *testing.T) {
	for _, ring := range []*seal.Keyring{nil, keys(t)} {
		encoded, _, err := settings.Encode(full(), ring, true)
		if err != nil {
			t.Fatal(err)
		}
		got := &carteiro.Webhook{ID: full().ID}
		if err := settings.DecodeWithoutSecrets(encoded, got); err != nil {
			t.Fatal(err)
		}
		if got.URL != full().URL || got.Secret != "" || got.AuthorizationValue != "" || got.FormerSecrets[0].Secret != "" ||
			got.CustomHeaders[0].Value != "sales" || got.CustomHeaders[1].Value != "" {
			t.Errorf("decoded as %#v", *got)
		}
	}
}

func TestUnreadableSettingsAreFound(t *testing.T) {
	ring, id := keys(t), full().ID
	encoded, _, err := settings.Encode(full(), ring, true)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		encoded []byte
		ring    *seal.Keyring
		found   bool
	}{
		"the right key":       {encoded, ring, false},
		"no key":              {encoded, nil, false},
		"another key":         {encoded, keys(t), true},
		"damaged":             {encoded[1:], ring, true},
		"damaged, and no key": {encoded[1:], nil, true},
	} {
		if got := settings.Unreadable(test.encoded, id, test.ring); (got != "") != test.found {
			t.Errorf("%s: %q", name, got)
		}
	}
	if err := settings.Decode(encoded[1:], &carteiro.Webhook{ID: id}, ring); err == nil {
		t.Error("damaged settings were decoded")
	}
	if err := settings.DecodeWithoutSecrets(encoded[1:], &carteiro.Webhook{ID: id}); err == nil {
		t.Error("damaged settings were decoded without secrets")
	}
}

// Secrets are found wherever a webhook may have one, encrypted or not, and only there.
func TestStoredSecretsAreFound(t *testing.T) {
	ring := keys(t)
	erased := full()
	erased.EraseSecrets()
	for name, c := range map[string]struct {
		webhook *carteiro.Webhook
		want    bool
	}{
		"none":             {erased, false},
		"a signing secret": {&carteiro.Webhook{Secret: "planted"}, true},
		"a former secret":  {&carteiro.Webhook{FormerSecrets: []carteiro.FormerSecret{{Secret: "planted"}}}, true},
		"a credential":     {&carteiro.Webhook{AuthorizationValue: "planted"}, true},
		"a secret header":  {&carteiro.Webhook{CustomHeaders: []carteiro.Header{{Key: "X-Plain", Value: "planted", Secret: true}}}, true},
		"an older header":  {&carteiro.Webhook{CustomHeaders: []carteiro.Header{{Key: "X-JWT", Value: "planted"}}}, true},
		"a plain header":   {&carteiro.Webhook{CustomHeaders: []carteiro.Header{{Key: "X-Plain", Value: "planted"}}}, false},
	} {
		for by, ring := range map[string]*seal.Keyring{"open": nil, "sealed": ring} {
			for _, wide := range []bool{true, false} {
				encoded, _, err := settings.Encode(c.webhook, ring, wide)
				if err != nil {
					t.Fatal(err)
				}
				if got := settings.HasSecrets(encoded, c.webhook.ID); got != c.want {
					t.Errorf("%s, %s, wide %v: %v", name, by, wide, got)
				}
			}
		}
	}
	if settings.HasSecrets([]byte(`{"secret":`), carteiro.ID{1}) {
		t.Error("settings that cannot be read have a secret")
	}
}
