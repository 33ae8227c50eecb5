package e2e_test

import (
	"net"
	"net/netip"
	"net/url"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// Unless told otherwise a server reaches nothing of its own network, however the address is spelt: neither with a
// delivery nor with a test, whose answer would tell a stranger what listens there.
func TestPrivateAddressesAreBlocked(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(200))
	here, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := ":" + here.Port()
	h := newHouse(t, "--rate-limit", "0").start()
	agent := h.agent()
	for name, host := range map[string]string{
		"loopback":                       "127.0.0.1" + port,
		"another loopback":               "127.8.8.8" + port,
		"loopback of IPv6":               "[::1]" + port,
		"loopback, IPv4-mapped":          "[::ffff:127.0.0.1]" + port,
		"unspecified":                    "0.0.0.0" + port,
		"the name localhost":             "localhost" + port,
		"loopback in full-width digits":  "１２７.０.０.１" + port,
		"the cloud's metadata":           "169.254.169.254",
		"the cloud's metadata, in IPv6":  "[fd00:ec2::254]",
		"a private network":              "10.0.0.1",
		"what this machine is called by": net.JoinHostPort(ownAddress(t), here.Port()),
	} {
		t.Run(name, func(t *testing.T) {
			hook := h.webhook(agent, "http://"+host+"/", 0)
			event := h.publish(agent)
			if log := h.statuses(hook, event.EventID, "failed")[0]; log.Error != "Blocked address" {
				t.Errorf("the delivery: %s", log.Error)
			}
			_, err := h.client().TestWebhook(within(t), agent, hook.ID)
			refused, _ := err.(*client.Error) //nolint:errorlint // the client's errors are not wrapped
			if refused == nil || refused.StatusCode != 422 || refused.Message != "Webhook test failed: Blocked address" {
				t.Errorf("the test: %v", err)
			}
			if err := h.client().DeleteWebhook(within(t), agent, hook.ID); err != nil {
				t.Error(err)
			}
		})
	}
	h.stop()
	if len(r.got) > 0 {
		t.Errorf("reached by %s %s", (<-r.got).path, r.URL)
	}
}

// An address in a spelling that only some resolvers take for one is refused when it is saved: no honest URL has it.
func TestAddressesInDisguiseAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t).start()
	agent := h.agent()
	for name, host := range map[string]string{
		"decimal":     "2130706433",
		"octal":       "0177.0.0.1",
		"hexadecimal": "0x7f000001",
		"mixed":       "0x7f.0.0.01",
		"shortened":   "127.1",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.client().CreateWebhook(within(t), agent, client.WebhookSettings{
				Name: "Test", URL: "http://" + host + "/", Events: []string{callEnded},
			})
			refused, _ := err.(*client.Error) //nolint:errorlint // the client's errors are not wrapped
			if refused == nil || refused.StatusCode != 422 || refused.Errors["webhook_url"] == nil {
				t.Error(err)
			}
		})
	}
	h.stop()
}

// ownAddress is an address of this machine other than loopback; that of a private network when it has none.
func ownAddress(t testing.TB) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().IsPrivate() {
			return prefix.Addr().String()
		}
	}
	return "192.168.0.1"
}
