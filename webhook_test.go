package carteiro_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func former(secret string, ends time.Duration) carteiro.FormerSecret {
	return carteiro.FormerSecret{Secret: secret, EndsAt: noon.Add(ends)}
}

func TestFormerSecretsSignUntilTheyEnd(t *testing.T) {
	w := carteiro.Webhook{FormerSecrets: []carteiro.FormerSecret{former("a", 1), former("b", 0), former("c", -1)}}
	if got, want := w.SigningUntil(noon), w.FormerSecrets[:1]; !reflect.DeepEqual(got, want) {
		t.Errorf("%v sign, want %v", got, want)
	}
}

func TestARotatedSecretSignsUntilTheOverlapEnds(t *testing.T) {
	const overlap = time.Hour
	many := []carteiro.FormerSecret{former("a", 1), former("b", 1), former("c", 1), former("d", 1)}
	for name, test := range map[string]struct {
		present string
		former  []carteiro.FormerSecret
		overlap time.Duration
		ok      bool
		want    []carteiro.FormerSecret
	}{
		"the first secret":                    {"", nil, overlap, true, nil},
		"the second":                          {"old", nil, overlap, true, []carteiro.FormerSecret{former("old", overlap)}},
		"without an overlap":                  {"old", nil, 0, true, nil},
		"one with an overlap of its own":      {"old", []carteiro.FormerSecret{former("a", time.Minute)}, overlap, true, []carteiro.FormerSecret{former("old", overlap), former("a", time.Minute)}},
		"which ends with the new one's":       {"old", []carteiro.FormerSecret{former("a", time.Minute)}, time.Second, true, []carteiro.FormerSecret{former("old", time.Second), former("a", time.Second)}},
		"one that has ended":                  {"old", []carteiro.FormerSecret{former("a", 0)}, overlap, true, []carteiro.FormerSecret{former("old", overlap)}},
		"the fourth former one":               {"old", many[1:], overlap, true, append([]carteiro.FormerSecret{former("old", overlap)}, many[1:]...)},
		"one too many":                        {"old", many, overlap, false, many},
		"many, all of which end at once":      {"old", many, 0, true, nil},
		"many, and none at present to retire": {"", many, overlap, true, many},
	} {
		w := carteiro.Webhook{Secret: test.present, FormerSecrets: append([]carteiro.FormerSecret(nil), test.former...)}
		ok := w.RotateSecret("new", carteiro.SignatureEd25519, noon, noon.Add(test.overlap))
		if ok != test.ok || !reflect.DeepEqual(w.FormerSecrets, test.want) {
			t.Errorf("%s: %v with the former secrets %v, want %v with %v", name, ok, w.FormerSecrets, test.ok, test.want)
		}
		if changed := w.Secret == "new" && w.SignatureScheme == carteiro.SignatureEd25519; changed != ok || !ok && w.Secret != test.present {
			t.Errorf("%s: %v, and the secret is %q of scheme %q", name, ok, w.Secret, w.SignatureScheme)
		}
	}
	w := carteiro.Webhook{Secret: "old", SignatureScheme: carteiro.SignatureEd25519}
	if w.RotateSecret("new", carteiro.SignatureHMAC, noon, noon.Add(overlap)); w.FormerSecrets[0].Scheme != carteiro.SignatureEd25519 {
		t.Error("the former secret lost its scheme")
	}
}

func TestSettingsThatMeanTheSameAreTheSame(t *testing.T) {
	full := carteiro.Webhook{Name: "CRM", Events: []string{"a"}, CustomHeaders: []carteiro.Header{{Key: "k", Value: "v"}}, PayloadTemplates: map[string]json.RawMessage{"a": nil}}
	for name, test := range map[string]struct {
		a, b carteiro.Webhook
		want bool
	}{
		"the same":                  {full, full, true},
		"another update":            {carteiro.Webhook{UpdatedAt: noon}, carteiro.Webhook{}, true},
		"another name":              {full, carteiro.Webhook{Name: "X", Events: full.Events, CustomHeaders: full.CustomHeaders, PayloadTemplates: full.PayloadTemplates}, false},
		"no events":                 {carteiro.Webhook{Events: []string{}}, carteiro.Webhook{}, true},
		"some events":               {carteiro.Webhook{Events: []string{"a"}}, carteiro.Webhook{}, false},
		"no headers":                {carteiro.Webhook{CustomHeaders: []carteiro.Header{}}, carteiro.Webhook{}, true},
		"a header":                  {carteiro.Webhook{CustomHeaders: full.CustomHeaders}, carteiro.Webhook{}, false},
		"no templates":              {carteiro.Webhook{PayloadTemplates: map[string]json.RawMessage{}}, carteiro.Webhook{}, true},
		"a template":                {carteiro.Webhook{PayloadTemplates: full.PayloadTemplates}, carteiro.Webhook{}, false},
		"the default scheme":        {carteiro.Webhook{SignatureScheme: carteiro.SignatureHMAC}, carteiro.Webhook{}, true},
		"another scheme":            {carteiro.Webhook{SignatureScheme: carteiro.SignatureEd25519}, carteiro.Webhook{}, false},
		"the default style":         {carteiro.Webhook{HeaderStyle: carteiro.HeadersStandard}, carteiro.Webhook{}, true},
		"another style":             {carteiro.Webhook{HeaderStyle: carteiro.HeadersBoth}, carteiro.Webhook{}, false},
		"a secret that has ended":   {carteiro.Webhook{FormerSecrets: []carteiro.FormerSecret{former("a", 0)}}, carteiro.Webhook{}, true},
		"a secret that still signs": {carteiro.Webhook{FormerSecrets: []carteiro.FormerSecret{former("a", 1)}}, carteiro.Webhook{}, false},
	} {
		if got, back := test.a.SameSettings(&test.b, noon), test.b.SameSettings(&test.a, noon); got != test.want || back != test.want {
			t.Errorf("%s: %v and %v, want %v", name, got, back, test.want)
		}
	}
}

func TestADeletedWebhookLosesItsSecretsAndNothingElse(t *testing.T) {
	stored := carteiro.Webhook{
		Name: "CRM", Secret: "s", FormerSecrets: []carteiro.FormerSecret{former("a", 1)}, AuthorizationValue: "v",
		CustomHeaders: []carteiro.Header{{Key: "X-Api-Key", Value: "1"}, {Key: "X-Tenant", Value: "2"}},
	}
	kept := stored
	kept.ChangedFrom(&stored, noon)
	if kept.Secret != "s" || len(kept.FormerSecrets) != 1 || kept.AuthorizationValue != "v" || kept.CustomHeaders[0].Value != "1" {
		t.Error("a webhook that is not deleted lost its secrets")
	}
	w := stored
	w.DeletedAt = noon
	w.ChangedFrom(&stored, noon)
	if w.Secret != "" || w.FormerSecrets != nil || w.AuthorizationValue != "" || w.CustomHeaders[0].Value != "" {
		t.Errorf("it kept %q, %v, %q and %v", w.Secret, w.FormerSecrets, w.AuthorizationValue, w.CustomHeaders)
	}
	if w.Name != "CRM" || w.CustomHeaders[0].Key != "X-Api-Key" || w.CustomHeaders[1].Value != "2" {
		t.Errorf("it lost more: %q and %v", w.Name, w.CustomHeaders)
	}
	if stored.CustomHeaders[0].Value != "1" {
		t.Error("the webhook from before was changed with it")
	}
}
