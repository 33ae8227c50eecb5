//go:build interop

package interop_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// receiver is a running web server.
type receiver struct {
	plain, tls int // ports
	hits       func() []string
}

// keepAlive is what a server does with a connection after a response.
type keepAlive string

const (
	on  keepAlive = "on"
	off keepAlive = "off"
	few keepAlive = "few" // it closes a connection after three requests
)

// receivers are the servers and frameworks by name. Each answers with the event's id and the path.
var receivers = map[string]func(t *testing.T, keep keepAlive) receiver{
	"nginx":             nginx,
	"Apache":            apache,
	"HAProxy":           haproxy,
	"Node http":         node("http"),
	"Express":           node("express"),
	"Fastify":           node("fastify"),
	"Python HTTP 1.1":   python("HTTP/1.1"),
	"Python HTTP 1.0":   python("HTTP/1.0"),
	"PHP behind nginx":  php,
	"Node behind proxy": behindHAProxy,
}

func TestEveryDeliveryArrivesOnceAtServersOfOthers(t *testing.T) {
	for name, begin := range receivers {
		for _, keep := range []keepAlive{on, off, few} {
			t.Run(name+" keep-alive "+string(keep), func(t *testing.T) {
				r := begin(t, keep)
				s := carteiro(t)
				hooks := []*hook{
					s.hook(address("http", r.plain, "/one")), s.hook(address("https", r.tls, "/two")),
					s.hook(address("https", r.tls, "/three")), s.hook(address("http", r.plain, "/four")),
				}
				for range 2 { // the second time connections are reused
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
}

// ports returns two that are free, and the values of a configuration that names them.
func ports(t *testing.T, dir, keep string) (receiver, map[string]string) {
	t.Helper()
	r := receiver{plain: freePort(t), tls: freePort(t)}
	return r, map[string]string{
		"DIR": dir, "PLAIN": strconv.Itoa(r.plain), "TLS": strconv.Itoa(r.tls), "KEEPALIVE": keep,
		"CERT": secure.certificate, "KEY": secure.key, "BOTH": secure.both,
	}
}

func nginx(t *testing.T, keep keepAlive) receiver {
	dir := workDir(t)
	r, values := ports(t, dir, map[keepAlive]string{on: "keepalive_timeout 60s", off: "keepalive_timeout 0", few: "keepalive_requests 3"}[keep])
	config := configure(t, "nginx.conf", filepath.Join(dir, "nginx.conf"), values)
	p := start(t, dir, "nginx", "-c", config, "-e", filepath.Join(dir, "error.log"))
	p.listens(r.tls)
	r.hits = linesOf(t, filepath.Join(dir, "hits.log"))
	return r
}

func apache(t *testing.T, keep keepAlive) receiver {
	dir := workDir(t)
	r, values := ports(t, dir, map[keepAlive]string{on: "KeepAlive On", off: "KeepAlive Off", few: "KeepAlive On\nMaxKeepAliveRequests 3"}[keep])
	config := configure(t, "apache.conf", filepath.Join(dir, "apache.conf"), values)
	configure(t, "echo.cgi", filepath.Join(dir, "echo.cgi"), nil)
	if out, err := exec.Command("chmod", "755", filepath.Join(dir, "echo.cgi")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := start(t, dir, "apache2", "-f", config, "-D", "FOREGROUND")
	p.listens(r.tls)
	r.hits = linesOf(t, filepath.Join(dir, "hits.log"))
	return r
}

func haproxy(t *testing.T, keep keepAlive) receiver {
	dir := workDir(t)
	// HAProxy has no limit on requests for each connection: few means that it closes idle ones at once.
	r, values := ports(t, dir, map[keepAlive]string{on: "option http-keep-alive", off: "option httpclose", few: "timeout http-keep-alive 1"}[keep])
	p := start(t, dir, "haproxy", "-db", "-f", configure(t, "haproxy.cfg", filepath.Join(dir, "haproxy.cfg"), values))
	p.listens(r.tls)
	r.hits = p.hits
	return r
}

func behindHAProxy(t *testing.T, keep keepAlive) receiver {
	backend := node("http")(t, keep)
	dir := workDir(t)
	r, values := ports(t, dir, map[keepAlive]string{on: "option http-keep-alive", off: "option http-server-close", few: "http-reuse always"}[keep])
	values["BACKEND"] = strconv.Itoa(backend.plain)
	p := start(t, dir, "haproxy", "-db", "-f", configure(t, "haproxy-proxy.cfg", filepath.Join(dir, "haproxy.cfg"), values))
	p.listens(r.tls)
	r.hits = backend.hits
	return r
}

func node(kind string) func(t *testing.T, keep keepAlive) receiver {
	return func(t *testing.T, keep keepAlive) receiver {
		r, values := ports(t, "", "")
		p := start(t, testdata(t, ".."), "node", testdata(t, "receiver.mjs"), kind, values["PLAIN"], values["TLS"], string(keep), secure.certificate, secure.key)
		p.listens(r.plain)
		p.listens(r.tls)
		r.hits = p.hits
		return r
	}
}

// python serves one request for each connection in HTTP/1.0, and keeps connections in HTTP/1.1.
func python(protocol string) func(t *testing.T, _ keepAlive) receiver {
	return func(t *testing.T, _ keepAlive) receiver {
		r, values := ports(t, "", "")
		p := start(t, workDir(t), "python3", testdata(t, "receiver.py"), values["PLAIN"], values["TLS"], protocol, secure.certificate, secure.key)
		p.listens(r.plain)
		r.hits = p.hits
		return r
	}
}

// php is PHP's own server, which knows no TLS and no keep-alive: nginx adds both.
func php(t *testing.T, keep keepAlive) receiver {
	backend := freePort(t)
	p := start(t, workDir(t), "php", "-q", "-S", "127.0.0.1:"+strconv.Itoa(backend), testdata(t, "receiver.php"))
	p.listens(backend)
	r := front(t, backend, map[keepAlive]string{on: "keepalive_timeout 60s", off: "keepalive_timeout 0", few: "keepalive_requests 3"}[keep])
	r.hits = p.hits
	return r
}

// front starts nginx as a reverse proxy.
func front(t *testing.T, backend int, keep string) receiver {
	t.Helper()
	dir := workDir(t)
	r, values := ports(t, dir, keep)
	values["BACKEND"] = strconv.Itoa(backend)
	p := start(t, dir, "nginx", "-c", configure(t, "nginx-front.conf", filepath.Join(dir, "nginx.conf"), values), "-e", filepath.Join(dir, "error.log"))
	p.listens(r.tls)
	return r
}

// configure copies a file of testdata, with the values in place.
func configure(t *testing.T, name, to string, values map[string]string) string {
	t.Helper()
	return write(t, to, read(t, testdata(t, name)), values)
}
