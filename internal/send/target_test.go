package send

import (
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
)

// The zone of an IPv6 address is for dialing alone: neither Host nor the certificate's name has it.
func TestAZoneStaysOnThisMachine(t *testing.T) {
	for url, want := range map[string]origin{
		"https://[fe80::1%25eth0]:8443/hook": {address: "[fe80::1%eth0]:8443", secured: "fe80::1"},
		"https://[fe80::1%25eth0]/hook":      {address: "[fe80::1%eth0]:443", secured: "fe80::1"},
	} {
		target := Compile(&carteiro.Webhook{URL: url, HTTPMethod: "POST"})
		if target.fault != nil || target.origin != want {
			t.Errorf("%s: %+v, %v", url, target.origin, target.fault)
		}
		host := "Host: " + strings.TrimSuffix(strings.Replace(want.address, "%eth0", "", 1), ":443") + "\r\n"
		if !strings.Contains(string(target.head), host) {
			t.Errorf("%s: %q, want %q", url, target.head, host)
		}
	}
}
