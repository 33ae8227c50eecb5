//go:build interop

package interop_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/test/interop/rawserver"
)

// TestNoMisbehaviorReachesAnotherEnvironment has a server misbehave in every way that rawserver knows towards one environment,
// between deliveries to another environment at the same address.
func TestNoMisbehaviorReachesAnotherEnvironment(t *testing.T) {
	tunnel, err := rawserver.StartProxy(nil)
	must(t, err)
	t.Cleanup(tunnel.Close)
	plain, through := carteiro(t), carteiro(t, "--egress-proxy", tunnel.URL.String())
	for name, way := range map[string]struct {
		server  *server
		secured bool
	}{"plain": {plain, false}, "TLS": {plain, true}, "TLS through a proxy": {through, true}} {
		t.Run(name, func(t *testing.T) {
			for _, c := range rawserver.Cases() {
				if c.Early {
					continue // needs a body that is larger than what buffers hold; the sender's own tests have it
				}
				t.Run(c.Name, func(t *testing.T) { misbehave(t, way.server, c, way.secured, name == "TLS through a proxy") })
			}
		})
	}
}

func misbehave(t *testing.T, s *server, c rawserver.Case, inTLS, proxied bool) {
	config := secured
	if !inTLS {
		config = nil
	}
	receiver, err := rawserver.Start(c, config)
	must(t, err)
	t.Cleanup(receiver.Close)
	bad, sound := s.hook(receiver.URL+"/bad"), s.hook(receiver.URL+"/sound")
	bad.t, sound.t = t, t
	for range 2 {
		bad.one()
		sound.one()
	}
	want := c.Error
	if proxied && c.End == rawserver.Reset {
		want = "Connection closed" // the proxy reports it so
	}
	want = strings.TrimPrefix(want, "HTTP "+statusOf(c)+" ")
	for _, log := range bad.delivered() {
		if log.HTTPStatus != c.Status || log.Error != want || (log.Status == client.StatusSuccess) != (want == "") {
			t.Errorf("recorded HTTP %d, %q, %s; want %d, %q", log.HTTPStatus, log.Error, log.Status, c.Status, want)
		}
	}
	for _, log := range sound.delivered() {
		if log.Status != client.StatusSuccess || log.ResponseBody != log.ID {
			t.Errorf("the other environment: %s, HTTP %d, %q, response %q", log.Status, log.HTTPStatus, log.Error, log.ResponseBody)
		}
	}
	arrived := make(map[string]int)
	for _, r := range receiver.Requests() {
		arrived[r.Header.Get("Webhook-Id")]++
	}
	for _, id := range append(bad.sent, sound.sent...) {
		if arrived[id] != 1 {
			t.Errorf("event %s arrived %d times", id, arrived[id])
		}
	}
}

func statusOf(c rawserver.Case) string { return strconv.Itoa(c.Status) }
