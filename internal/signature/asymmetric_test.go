package signature_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/signature"
)

// The pair that the Standard Webhooks specification shows.
const (
	vectorPrivate = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorPublic  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
)

func TestThePublicKeyIsThatOfTheSpecification(t *testing.T) {
	for name, private := range map[string]string{"both halves": vectorPrivate, "the seed alone": seedOf(t, vectorPrivate)} {
		public, err := signature.PublicKey(private)
		if err != nil || public != vectorPublic {
			t.Errorf("%s: %s, %v", name, public, err)
		}
	}
}

func seedOf(t *testing.T, private string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(private, "whsk_"))
	if err != nil {
		t.Fatal(err)
	}
	return "whsk_" + base64.StdEncoding.EncodeToString(raw[:32])
}

// The library of Standard Webhooks for Go knows HMAC alone, so that the judge here is crypto/ed25519.
func TestAnAsymmetricSignatureIsVerifiedWithThePublicKeyAlone(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(vectorPublic, "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{vectorPrivate, seedOf(t, vectorPrivate)} {
		key, err := signature.ParsePrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{"", vectorBody, strings.Repeat(`"ü",`, 50_000)} {
			signed := string(key.Sign([]byte("old "), vectorID, vectorTime, []byte(body)))
			encoded, ok := strings.CutPrefix(signed, "old v1a,")
			got, err := base64.StdEncoding.DecodeString(encoded)
			if !ok || err != nil {
				t.Fatalf("signature %s, %v", signed, err)
			}
			message := fmt.Appendf(nil, "%s.%d.%s", vectorID, vectorTime, body)
			if !ed25519.Verify(raw, message, got) {
				t.Errorf("body of %d bytes: not verified", len(body))
			}
			if ed25519.Verify(raw, append(message, ' '), got) {
				t.Errorf("body of %d bytes: verified though it was changed", len(body))
			}
		}
		if plain := key.SignPlain([]byte("x"), []byte(vectorBody)); string(plain) != "x" {
			t.Errorf("a plain signature with a private key: %s", plain)
		}
	}
}

func TestParsePrivateKeyRefusesWhatIsNone(t *testing.T) {
	other := signature.NewPrivateKey()
	for name, secret := range map[string]string{
		"nothing": "", "the prefix alone": "whsk_", "a shared secret": vectorSecret, "a public key": vectorPublic,
		"too short": "whsk_" + base64.StdEncoding.EncodeToString(make([]byte, 31)), "no base64": "whsk_!tellnoone!",
		"halves of two keys": vectorPrivate[:48] + other[48:],
	} {
		key, err := signature.ParsePrivateKey(secret)
		if !errors.Is(err, signature.ErrPrivateKey) || !key.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "tellnoone") {
			t.Errorf("%s: the error holds a part of it: %v", name, err)
		}
	}
}

func TestAPrivateKeyPrintsNothingOfItself(t *testing.T) {
	key, err := signature.ParsePrivateKey(vectorPrivate)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(vectorPrivate, "whsk_"))
	hidden := struct{ key signature.Key }{key}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, printed := range []string{fmt.Sprintf(verb, key), fmt.Sprintf(verb, hidden), fmt.Sprintf(verb, &hidden)} {
			for _, leak := range []string{vectorPrivate[5:30], fmt.Sprintf("%x", raw[:8]), fmt.Sprintf("%X", raw[:8]), fmt.Sprintf("%d", raw[:4])} {
				if strings.Contains(printed, strings.Trim(leak, "[]")) {
					t.Errorf("%s prints the key: %s", verb, printed)
				}
			}
		}
	}
}

func TestWhatIsMadeIsRead(t *testing.T) {
	secret := signature.NewSecret()
	if err := signature.CheckSecret(secret); err != nil || !strings.HasPrefix(secret, "whsec_") || secret == signature.NewSecret() {
		t.Errorf("secret %v", err)
	}
	private := signature.NewPrivateKey()
	if _, err := signature.ParsePrivateKey(private); err != nil || private == signature.NewPrivateKey() {
		t.Errorf("private key: %v", err)
	}
}

func TestANewSecretHasTheLengthOfTheSpecification(t *testing.T) {
	of := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for secret, want := range map[string]error{
		of(23): signature.ErrSecretLength, of(24): nil, of(32): nil, of(64): nil, of(65): signature.ErrSecretLength,
		"whsec_": signature.ErrEmptySecret, "whsec_!": signature.ErrSecretEncoding, "": signature.ErrEmptySecret,
		"x": nil, strings.Repeat("x", 255): nil, // what is taken as its bytes may be of any length
	} {
		if err := signature.CheckSecret(secret); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", secret, err, want)
		}
	}
}
