package carteiro_test

import (
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
)

func TestHeadersThatCarryCredentialsAreSecret(t *testing.T) {
	for _, name := range []string{
		"Authorization", "X-JWT", "X-Passwd", "X-Hmac", "X-Shopify-Hmac-Sha256", "X-Request-Sig", "X-Sig", "X-RequestSig", "X-Bearer", "My-Bearer",
		"X-Amz-Security-Token", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "PRIVATE-TOKEN", "CF-Access-Client-Secret", "CF-Access-Client-Id",
		"Cookie", "X-Csrf", "X-XSRF", "X-Pass", "X-User-Pwd", "X-PW", "X-PIN", "X-OTP", "X-PSK", "X-SSO-Ticket", "X-Passphrase", "X-Passcode",
		"X-Credentials", "X-Session", "X-SID", "X-SAML-Response", "X-Client-Cert", "X-Login", "X-Hub-Signature-256", "api_key", "X.Sig",
	} {
		if !carteiro.Secretive(name) {
			t.Errorf("%s is shown", name)
		}
	}
	for _, name := range []string{
		"Accept", "X-Team", "X-Tenant", "X-Request-Id", "X-Shipping", "X-Design", "X-Compass-Point", "X-Spinner", "X-Machine", "X-Source", "X-Region", "Content-Language",
	} {
		if carteiro.Secretive(name) {
			t.Errorf("%s is masked", name)
		}
	}
}

// Each header is masked because of one word alone, so that the list cannot lose a word unnoticed.
func TestEveryWordOfACredentialMasksAHeader(t *testing.T) {
	for word, header := range map[string]string{
		"auth": "Authorization", "key": "X-Goog-Api-Key", "token": "X-Vault-Token", "secret": "X-Webhook-Secret", "password": "X-Password",
		"passwd": "X-Passwd", "passphrase": "KC-API-Passphrase", "passcode": "X-Passcode", "pwd": "X-User-Pwd", "cookie": "Set-Cookie",
		"credential": "X-Amz-Credential", "session": "X-Transmission-Session-Id", "signature": "X-Hub-Signature-256", "jwt": "X-JWT",
		"hmac": "X-Shopify-Hmac-Sha256", "bearer": "X-Bearer", "assertion": "X-Client-Assertion", "saml": "X-SAML-Response",
		"macaroon": "Grpc-Metadata-Macaroon", "csrf": "X-CSRF", "xsrf": "X-XSRF", "subscription": "X-Subscription-Id",

		"pass": "X-Pass", "pw": "X-PW", "pin": "X-User-Pin", "otp": "X-GitHub-OTP", "totp": "X-TOTP", "mfa": "X-Amz-Mfa", "sig": "X-RequestSig",
		"sign": "X-BAPI-SIGN", "signed": "X-Signed", "mac": "X-MAC", "psk": "X-PSK", "pat": "X-PAT", "sid": "X-SID", "sso": "X-SSO", "cred": "X-Cred",
		"creds": "X-Creds", "cert": "X-Client-Cert", "ticket": "X-CAS-Ticket", "login": "X-Login", "access": "CF-Access-Client-Id",
	} {
		if !carteiro.Secretive(header) {
			t.Errorf("%s is shown", header)
		}
		if other := strings.Replace(strings.ToLower(header), word, "tell", 1); carteiro.Secretive(other) {
			t.Errorf("%s is masked without %q", header, word)
		}
	}
}
