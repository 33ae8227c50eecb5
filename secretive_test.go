package carteiro_test

import (
	"testing"

	"carteiro"
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
