package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/carteiro/carteiro/internal/signature"
)

// What the Standard Webhooks specification and its libraries publish as a test vector.
const (
	vectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime   = 1614265330
	vectorBody   = `{"test": 2432232314}`
	vectorSigned = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func mustParse(tb testing.TB, secret string) signature.Key {
	tb.Helper()
	key, err := signature.ParseSecret(secret)
	if err != nil {
		tb.Fatalf("ParseSecret: %v", err)
	}
	return key
}

func TestSignGivesThePublishedVector(t *testing.T) {
	got := mustParse(t, vectorSecret).Sign(nil, vectorID, vectorTime, []byte(vectorBody))
	if string(got) != vectorSigned {
		t.Errorf("got %s, want %s", got, vectorSigned)
	}
}

func TestSignIsVerifiedByTheStandardLibraryOfTheSpecification(t *testing.T) {
	secrets := map[string]string{
		"prefixed":                        vectorSecret,
		"prefixed, 1 B":                   "whsec_YQ==",
		"plain":                           "hunter2",
		"plain, unicode":                  "sésamo 🔑",
		"plain, no utf-8":                 "\xff\xfe\x00",
		"plain, longer than a hash block": strings.Repeat("k", 255),
		"prefix in another case is plain": "WHSEC_YQ==",
	}
	bodies := []string{"", "{}", vectorBody, strings.Repeat(`"ü",`, 50_000)}
	for name, secret := range secrets {
		t.Run(name, func(t *testing.T) {
			key, receiver := mustParse(t, secret), receiverOf(t, secret)
			for _, body := range bodies {
				now := time.Now().Unix()
				signed := string(key.Sign(nil, vectorID, now, []byte(body)))
				if err := receiver.Verify([]byte(body), headersOf(vectorID, now, signed)); err != nil {
					t.Errorf("body of %d bytes: %v", len(body), err)
				}
				if err := receiver.Verify([]byte(body+" "), headersOf(vectorID, now, signed)); err == nil {
					t.Errorf("body of %d bytes: verified though it was changed", len(body))
				}
			}
		})
	}
}

// receiverOf verifies as a receiver would that was given the same secret.
func receiverOf(t *testing.T, secret string) *standardwebhooks.Webhook {
	t.Helper()
	if strings.HasPrefix(secret, signature.SecretPrefix) {
		wh, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatalf("receiver: %v", err)
		}
		return wh
	}
	wh, err := standardwebhooks.NewWebhookRaw([]byte(secret))
	if err != nil {
		t.Fatalf("receiver: %v", err)
	}
	return wh
}

func headersOf(id string, timestamp int64, signed string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(timestamp, 10))
	h.Set("webhook-signature", signed)
	return h
}

func TestSignPlainKeysWithTheSecretAsWritten(t *testing.T) {
	for _, secret := range []string{"hunter2", vectorSecret, strings.Repeat("s", 255)} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(vectorBody))
		want := "sha256=" + hex.EncodeToString(mac.Sum(nil))
		if got := mustParse(t, secret).SignPlain(nil, []byte(vectorBody)); string(got) != want {
			t.Errorf("%s: got %s, want %s", secret, got, want)
		}
	}
}

// RFC 4231, test case 2.
func TestSignPlainGivesThePublishedVectorOfHMAC(t *testing.T) {
	const want = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := mustParse(t, "Jefe").SignPlain(nil, []byte("what do ya want for nothing?")); string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSigningAppends(t *testing.T) {
	key := mustParse(t, vectorSecret)
	got := key.Sign([]byte("old "), vectorID, vectorTime, []byte(vectorBody))
	if string(got) != "old "+vectorSigned {
		t.Errorf("Sign: got %s", got)
	}
	plain := key.SignPlain([]byte("old "), []byte(vectorBody))
	if !strings.HasPrefix(string(plain), "old sha256=") || len(plain) != len("old ")+71 {
		t.Errorf("SignPlain: got %s", plain)
	}
}

func TestTheZeroKeySignsNothing(t *testing.T) {
	var key signature.Key
	if !key.IsZero() {
		t.Error("the zero Key says that it holds a secret")
	}
	if got := key.Sign([]byte("x"), vectorID, vectorTime, nil); string(got) != "x" {
		t.Errorf("Sign: got %q", got)
	}
	if got := key.SignPlain([]byte("x"), nil); string(got) != "x" {
		t.Errorf("SignPlain: got %q", got)
	}
	if mustParse(t, "s").IsZero() {
		t.Error("a parsed Key says that it holds no secret")
	}
}

func TestOneKeySignsAtOnceInManyGoroutines(t *testing.T) {
	key := mustParse(t, vectorSecret)
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			body := []byte(strings.Repeat(strconv.Itoa(worker), 1000))
			standard := string(key.Sign(nil, vectorID, vectorTime, body))
			plain := string(key.SignPlain(nil, body))
			for range 200 {
				if got := string(key.Sign(nil, vectorID, vectorTime, body)); got != standard {
					t.Errorf("worker %d: Sign gave %s, then %s", worker, standard, got)
				}
				if got := string(key.SignPlain(nil, body)); got != plain {
					t.Errorf("worker %d: SignPlain gave %s, then %s", worker, plain, got)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzSignAgreesWithTheSpecification(f *testing.F) {
	f.Add("secret", vectorID, int64(vectorTime), []byte(vectorBody))
	f.Add("whsec_YQ==", "", int64(-1), []byte(nil))
	f.Fuzz(func(t *testing.T, secret, id string, timestamp int64, body []byte) {
		key, err := signature.ParseSecret(secret)
		if err != nil {
			return
		}
		raw := []byte(secret)
		if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
			if raw, err = base64.StdEncoding.DecodeString(encoded); err != nil {
				t.Fatalf("accepted a secret that is no base64: %v", err)
			}
		}
		mac := hmac.New(sha256.New, raw)
		mac.Write(fmt.Appendf(nil, "%s.%d.%s", id, timestamp, body))
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for range 2 { // the second time with a state that was used before
			if got := string(key.Sign(nil, id, timestamp, body)); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	})
}
