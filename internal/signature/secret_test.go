package signature_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/signature"
)

func TestParseSecretRefusesWhatIsNoKey(t *testing.T) {
	tests := []struct {
		name, secret string
		want         error
	}{
		{"empty", "", signature.ErrEmptySecret},
		{"nothing behind the prefix", "whsec_", signature.ErrEmptySecret},
		{"only line ends behind the prefix", "whsec_\r\n", signature.ErrEmptySecret},
		{"no base64 behind the prefix", "whsec_!private!", signature.ErrSecretEncoding},
		{"base64 without its padding", "whsec_YQ", signature.ErrSecretEncoding},
		{"the alphabet of URLs", "whsec_-_-_", signature.ErrSecretEncoding},
		{"the prefix twice", "whsec_whsec_YQ==", signature.ErrSecretEncoding},
		{"space before the base64", "whsec_ YQ==", signature.ErrSecretEncoding},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := signature.ParseSecret(tt.secret)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !key.IsZero() {
				t.Error("an unusable secret gave a key")
			}
		})
	}
}

func TestParseSecretErrorsHoldNoPartOfTheSecret(t *testing.T) {
	_, err := signature.ParseSecret("whsec_ZZ~tellnoone~ZZ")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range []string{"tellnoone", "ZZ", "~"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("%q holds %q", err, part)
		}
	}
}

func TestAKeyPrintsNothingOfItself(t *testing.T) {
	key := mustParse(t, "tellnoone")
	type holder struct {
		Name string
		Key  signature.Key
	}
	held := holder{"hook", key}
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		printed[verb] = fmt.Sprintf(verb, key)
		printed["held "+verb] = fmt.Sprintf(verb, held)
		printed["pointer "+verb] = fmt.Sprintf(verb, &held)
	}
	asJSON, err := json.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	asText, err := key.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "key", key, "held", held)
	printed["json"], printed["text"], printed["slog"] = string(asJSON), string(asText), logged.String()
	printed["String"], printed["GoString"] = key.String(), key.GoString()

	for how, got := range printed {
		if !strings.Contains(got, "[secret]") {
			t.Errorf("%s: no [secret] in %s", how, got)
		}
		mustNotLeak(t, how, got)
	}
}

// fmt calls no method here: of an unexported field because it may not, for %p because it never does.
func TestAKeyPrintsNothingOfItselfWhereItsMethodsAreNotAsked(t *testing.T) {
	hidden := struct{ key signature.Key }{mustParse(t, "tellnoone")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		mustNotLeak(t, "hidden "+verb, fmt.Sprintf(verb, hidden))
		mustNotLeak(t, "pointer "+verb, fmt.Sprintf(verb, &hidden))
		mustNotLeak(t, verb, fmt.Sprintf(verb, hidden.key))
	}
}

// mustNotLeak looks for the secret "tellnoone" as text, as hexadecimal and as a list of byte values.
func mustNotLeak(t *testing.T, how, got string) {
	t.Helper()
	for _, leak := range []string{"tellnoone", "74656c6c", "74656C6C", "116 101 108"} {
		if strings.Contains(got, leak) {
			t.Errorf("%s: leaks the secret: %s", how, got)
		}
	}
}
