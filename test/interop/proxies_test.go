//go:build interop

package interop_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// proxies are egress proxies by name; each returns its URL and how to stop it.
var proxies = map[string]func(t *testing.T) (string, *program){
	"squid": squid,
	"tinyproxy": func(t *testing.T) (string, *program) {
		dir := workDir(t)
		r, values := ports(t, dir, "")
		p := start(t, dir, "tinyproxy", "-d", "-c", configure(t, "tinyproxy.conf", filepath.Join(dir, "tinyproxy.conf"), values))
		p.listens(r.plain)
		return address("http", r.plain, ""), p
	},
	"squid in TLS": func(t *testing.T) (string, *program) {
		_, p := squid(t)
		dir := workDir(t)
		r, values := ports(t, dir, "")
		values["BACKEND"] = strconv.Itoa(p.port)
		tls := start(t, dir, "haproxy", "-db", "-f", configure(t, "haproxy-tls.cfg", filepath.Join(dir, "haproxy.cfg"), values))
		tls.listens(r.tls)
		return address("https", r.tls, ""), tls
	},
}

func squid(t *testing.T) (string, *program) {
	dir := workDir(t)
	r, values := ports(t, dir, "")
	p := start(t, dir, "squid", "-N", "-f", configure(t, "squid.conf", filepath.Join(dir, "squid.conf"), values))
	p.listens(r.plain)
	return address("http", r.plain, ""), p
}

func TestEveryDeliveryArrivesOnceThroughProxiesOfOthers(t *testing.T) {
	for name, begin := range proxies {
		t.Run(name, func(t *testing.T) {
			r := node("http")(t, few)
			proxy, _ := begin(t)
			s := carteiro(t, "--egress-proxy", proxy)
			hooks := []*hook{s.hook(address("http", r.plain, "/one")), s.hook(address("https", r.tls, "/two"))}
			for range 2 {
				for _, h := range hooks {
					h.publish(24)
				}
				for _, h := range hooks {
					h.check(r.hits)
				}
			}
		})
	}
}

// The operator is responsible for the proxy: its outage costs receivers nothing, not even without retries.
func TestAnOutageOfTheProxyCostsNoAttempt(t *testing.T) {
	r := node("http")(t, on)
	proxy, p := squid(t)
	s := carteiro(t, "--egress-proxy", proxy)
	h := s.hook(address("https", r.tls, "/one"))
	h.publish(16)
	h.check(r.hits)
	p.stop()
	h.publish(16)
	eventually(t, "a delivery that waits for the proxy", func() bool {
		logs, _, err := h.api.ListLogs(t.Context(), h.owner, h.id, client.LogFilter{Status: client.StatusPending, PerPage: 1})
		must(t, err)
		return len(logs) == 1 && logs[0].WaitingFor == "proxy"
	})
	p.restart()
	h.check(r.hits)
}
