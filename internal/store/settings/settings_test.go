package settings_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store/settings"
)

func keys(t *testing.T) *seal.Keyring {
	t.Helper()
	ring, err := seal.Parse(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func webhook() *carteiro.Webhook {
	return &carteiro.Webhook{
		ID: carteiro.ID{1}, Name: "CRM", Secret: "planted-secret", AuthorizationValue: "planted-value",
		CustomHeaders: []carteiro.Header{{Key: "X-Team", Value: "sales"}, {Key: "X-Token", Value: "planted-header"}, {Key: "X-Key", Value: ""}},
		FormerSecrets: []carteiro.FormerSecret{{Secret: "planted-former", EndsAt: time.UnixMicro(1).UTC()}},
	}
}

func TestSecretsAreSealedAndNothingElseIs(t *testing.T) {
	ring, w := keys(t), webhook()
	encoded, by, err := settings.Encode(w, ring, true)
	if err != nil || by == nil || *by != ring.First() {
		t.Fatalf("by %v, %v", by, err)
	}
	if bytes.Contains(encoded, []byte("planted")) || !bytes.Contains(encoded, []byte("sales")) || !bytes.Contains(encoded, []byte("X-Token")) {
		t.Errorf("encoded as %s", encoded)
	}
	if !reflect.DeepEqual(w, webhook()) {
		t.Error("the webhook itself was changed")
	}
	got := &carteiro.Webhook{ID: w.ID}
	if err := settings.Decode(encoded, got, ring); err != nil || !reflect.DeepEqual(got, w) {
		t.Errorf("%v: decoded as\n%#v", err, got)
	}
}

func TestWhatLiesOpenIsReadWithAndWithoutKeys(t *testing.T) {
	w := webhook()
	encoded, by, err := settings.Encode(w, nil, true)
	if err != nil || by == nil || *by != "" {
		t.Fatalf("by %v, %v", by, err)
	}
	for _, ring := range []*seal.Keyring{nil, keys(t)} {
		got := &carteiro.Webhook{ID: w.ID}
		if err := settings.Decode(encoded, got, ring); err != nil || !reflect.DeepEqual(got, w) {
			t.Errorf("%v: decoded otherwise", err)
		}
	}
}

// Whoever can write to the database, and has no key, can put a secret he knows in the place of another's, or move one to
// where it is shown: both are noticed.
func TestASealedValueOpensInItsPlaceAlone(t *testing.T) {
	ring, w := keys(t), webhook()
	encoded, _, err := settings.Encode(w, ring, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := settings.Decode(encoded, &carteiro.Webhook{ID: carteiro.ID{2}}, ring); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("of another webhook: %v", err)
	}
	for _, change := range []func(values map[string]any){
		func(v map[string]any) { v["secret"], v["authorization_value"] = v["authorization_value"], v["secret"] },
		func(v map[string]any) { v["custom_headers.0"] = v["custom_headers.1"]; delete(v, "custom_headers.1") },
		func(v map[string]any) { v["custom_headers.7"] = v["custom_headers.1"] },
		func(v map[string]any) { v["secret"] = "" },
		func(v map[string]any) { v["secret"] = "planted-secret" },
	} {
		var stored map[string]any
		if err := json.Unmarshal(encoded, &stored); err != nil {
			t.Fatal(err)
		}
		change(stored["sealed"].(map[string]any)["values"].(map[string]any))
		changed, err := json.Marshal(stored)
		if err != nil {
			t.Fatal(err)
		}
		err = settings.Decode(changed, &carteiro.Webhook{ID: w.ID}, ring)
		if !errors.Is(err, seal.ErrDamaged) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", changed, err)
		}
	}
}
