package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/signature"
)

// maxSecret bounds a webhook's secret, in characters.
const maxSecret = 255

// signingJSON is how a webhook's deliveries are signed, as it is shown.
type signingJSON struct {
	SignatureScheme carteiro.SignatureScheme `json:"signature_scheme"`
	PublicKey       string                   `json:"public_key,omitempty"`
	HeaderStyle     carteiro.HeaderStyle     `json:"header_style"`
	PreviousSecrets []previousSecret         `json:"previous_secrets,omitempty"`
	// Secret is one that was made for the caller, in the answer to that call alone.
	Secret string `json:"webhook_secret,omitempty"`
}

// previousSecret is one that still signs.
type previousSecret struct {
	SignatureScheme carteiro.SignatureScheme `json:"signature_scheme"`
	PublicKey       string                   `json:"public_key,omitempty"`
	EndsAt          timestamp                `json:"ends_at"`
}

func showSigning(w *carteiro.Webhook) signingJSON {
	shown := signingJSON{
		SignatureScheme: orHMAC(w.SignatureScheme), HeaderStyle: orStandard(w.HeaderStyle), PublicKey: publicKey(w.Secret, w.SignatureScheme),
	}
	for _, f := range w.SigningUntil(time.Now()) {
		shown.PreviousSecrets = append(shown.PreviousSecrets, previousSecret{
			SignatureScheme: orHMAC(f.Scheme), PublicKey: publicKey(f.Secret, f.Scheme), EndsAt: timestamp(f.EndsAt),
		})
	}
	return shown
}

// orHMAC and orStandard name what a webhook of an earlier version does without saying so.
func orHMAC(s carteiro.SignatureScheme) carteiro.SignatureScheme {
	if s == "" {
		return carteiro.SignatureHMAC
	}
	return s
}

func orStandard(s carteiro.HeaderStyle) carteiro.HeaderStyle {
	if s == "" {
		return carteiro.HeadersStandard
	}
	return s
}

// publicKey is what a receiver verifies with; "" of a shared secret, or none.
func publicKey(secret string, scheme carteiro.SignatureScheme) string {
	if scheme != carteiro.SignatureEd25519 {
		return ""
	}
	public, _ := signature.PublicKey(secret) // of one that cannot sign there is none
	return public
}

// newSecret makes a secret, and says what of it the caller is to be told: a private key stays here.
func newSecret(scheme carteiro.SignatureScheme) (secret, told string) {
	if scheme == carteiro.SignatureEd25519 {
		return signature.NewPrivateKey(), ""
	}
	secret = signature.NewSecret()
	return secret, secret
}

// readSigning reads how deliveries are signed. A secret that is replaced here stops signing at once, and so do former ones.
// It gives the secret that was generated, if the caller is to be told it.
func readSigning(in *input, w *carteiro.Webhook) (told string) {
	scheme := orHMAC(w.SignatureScheme)
	choice(in, &scheme, fieldSignatureScheme, carteiro.SignatureHMAC, carteiro.SignatureEd25519)
	choice(in, &w.HeaderStyle, fieldHeaderStyle, carteiro.HeadersStandard, carteiro.HeadersSvix, carteiro.HeadersBoth)
	secret, generate := w.Secret, false
	in.boolean(&generate, fieldGenerateSecret)
	in.writeOnlyText(&secret, fieldWebhookSecret, maxSecret)
	sent, given := in.sent(fieldWebhookSecret)
	given = given && string(sent) != `""`
	if generate && given {
		in.fault(fieldGenerateSecret, mustNotBeBoth, inWords(fieldWebhookSecret))
		return ""
	}
	if !generate && secret == w.Secret && scheme == orHMAC(w.SignatureScheme) {
		w.SignatureScheme = scheme
		return ""
	}
	_, schemeGiven := in.given(fieldSignatureScheme)
	switch {
	case in.faults.any(fieldWebhookSecret, fieldSignatureScheme):
		return ""
	case generate, secret == "" && scheme == carteiro.SignatureEd25519 && !given:
		secret, told = newSecret(scheme) // a key pair without a private key would leave deliveries unsigned
	case secret == "" && scheme == carteiro.SignatureEd25519 && schemeGiven:
		in.fault(fieldWebhookSecret, isRequiredWhenSigning, scheme)
		return ""
	case secret == "":
		scheme = carteiro.SignatureHMAC // without a secret nothing is signed, by whatever scheme
	case !checkSecret(in, secret, scheme):
		return ""
	}
	if secret != w.Secret {
		w.FormerSecrets = nil
	}
	w.Secret, w.SignatureScheme = secret, scheme
	return told
}

// checkSecret says whether a secret can sign by a scheme.
func checkSecret(in *input, secret string, scheme carteiro.SignatureScheme) bool {
	if in.faults.any(fieldWebhookSecret, fieldSignatureScheme) {
		return false
	}
	check := checkSharedSecret
	if scheme == carteiro.SignatureEd25519 {
		check = func(secret string) error {
			_, err := signature.ParsePrivateKey(secret)
			return err
		}
	}
	switch err := check(secret); {
	case errors.Is(err, signature.ErrSecretLength):
		in.fault(fieldWebhookSecret, mustHoldBytes, signature.MinSecretBytes, signature.MaxSecretBytes)
	case err != nil:
		in.fault(fieldWebhookSecret, hasInvalidFormat)
	default:
		return true
	}
	return false
}

var errPastedSecret = errors.New("not the secret alone")

// checkSharedSecret rejects, beside what cannot sign, what was copied with something around it or is a key of the other
// scheme: the receiver would use the secret without that, and verify nothing.
func checkSharedSecret(secret string) error {
	if strings.TrimSpace(secret) != secret {
		return errPastedSecret
	}
	for _, prefix := range []string{"v1,", "v1a,", "whsk_", "whpk_"} {
		if strings.HasPrefix(secret, prefix) {
			return errPastedSecret
		}
	}
	return signature.CheckSecret(secret)
}

var rotationFields = []string{fieldWebhookSecret, fieldSignatureScheme, fieldOverlap}

// rotateSecret gives a webhook another secret, and lets the present one sign beside it for a while.
func (s *server) rotateSecret(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	var f faults
	in, err := r.strictInput(rotationFields, false, &f)
	if err != nil {
		return err
	}
	var told string
	w, err := s.changeWebhook(r, at, func(w *carteiro.Webhook) (err error) {
		f = faults{} // of an earlier try
		in.rejectUnknown()
		told, err = readRotation(&in, w, r.begun.UTC().Truncate(time.Microsecond))
		return err
	})
	if err != nil {
		return err
	}
	return r.answerWebhook(http.StatusOK, msgRotated, w, told)
}

func readRotation(in *input, w *carteiro.Webhook, now time.Time) (told string, err error) {
	scheme, secret := orHMAC(w.SignatureScheme), ""
	choice(in, &scheme, fieldSignatureScheme, carteiro.SignatureHMAC, carteiro.SignatureEd25519)
	in.optionalText(&secret, fieldWebhookSecret, maxSecret)
	overlap := int(carteiro.DefaultOverlap / time.Second)
	in.integer(&overlap, fieldOverlap, 0, int(carteiro.MaxOverlap/time.Second))
	if secret == "" {
		secret, told = newSecret(scheme)
	} else {
		checkSecret(in, secret, scheme)
	}
	if secret == w.Secret {
		in.fault(fieldWebhookSecret, isNotAmongTheSelection)
	}
	if err := in.faults.err(); err != nil {
		return "", err
	}
	if !w.RotateSecret(secret, scheme, now, now.Add(time.Duration(overlap)*time.Second)) {
		in.fault(fieldWebhookSecret, isRotatedTooOften, carteiro.MaxFormerSecrets)
	}
	return told, in.faults.err()
}

// listenScopes is what a token needs to be told deliveries as their receiver gets them: it reads payloads, and is given
// signatures.
const listenScopes = toRead | toManage

// withSignatures says whether the token may have signatures. With one and the body beside it anybody makes a request that the
// receiver takes for genuine: [carteiro.ScopeRead] is to look, and not to speak in the server's name. A token with
// [carteiro.ScopeWebhooks] can have whatever it likes signed for a receiver of its own, so that nothing is kept from it.
func (r *request) withSignatures() bool { return r.token.Scopes.Allow(carteiro.ScopeWebhooks) }

// redactSignatures masks the signatures among headers that are shown, unless the token may have them, and credentials that an earlier
// version has logged without masking them.
func (r *request) redactSignatures(headers map[string]string) map[string]string {
	signed := r.withSignatures()
	for name, value := range headers {
		switch {
		case isSignature(name):
			if !signed {
				headers[name] = carteiro.Masked
			}
		case carteiro.Secretive(name) && !strings.Contains(value, carteiro.Masked):
			headers[name] = carteiro.Masked
		}
	}
	return headers
}

func isSignature(name string) bool {
	switch strings.ToLower(name) {
	case "webhook-signature", "x-webhook-signature", "svix-signature":
		return true
	}
	return false
}
