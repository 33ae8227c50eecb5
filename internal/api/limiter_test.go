package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func remote(i int) string { return fmt.Sprintf("10.%d.%d.%d:443", i>>16&0xff, i>>8&0xff, i&0xff) }

func addressOf(remote string) netip.Addr {
	return networkOf(clientAddress(&http.Request{RemoteAddr: remote}, nil))
}

func TestTheLimiterKeepsToItsBounds(t *testing.T) {
	l := newLimiter(2)
	now := time.Unix(1_756_941_600, 0)
	headers := http.Header{}
	for i := range maxAddresses + 500 {
		who := caller{address: addressOf(remote(i))}
		l.admit(headers, who, true, now)
	}
	if n := len(l.counts); n > maxAddresses+1 {
		t.Errorf("%d counts", n)
	}
	if l.admit(headers, caller{address: addressOf(remote(maxAddresses + 501))}, true, now) == 0 {
		t.Error("those beyond the bound are not counted")
	}
	if l.admit(headers, caller{environment: carteiro.ID{1}}, true, now) != 0 {
		t.Error("an environment pays for addresses")
	}
	if l.admit(headers, caller{address: addressOf(remote(0))}, true, time.Unix(1_756_941_660, 0)) != 0 || len(l.counts) != 1 {
		t.Error("a new window does not begin anew")
	}
	if addressOf("[2001:db8::1]:80") != addressOf("[2001:db8::2]:81") || addressOf("[::ffff:10.0.0.1]:80") != addressOf("10.0.0.1:9") {
		t.Error("one caller has several addresses")
	}
}
