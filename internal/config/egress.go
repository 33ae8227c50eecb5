package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
)

// Egress says how deliveries leave.
type Egress struct {
	EgressProxy  string `help:"HTTP proxy for all deliveries, for a fixed outgoing address: http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host if the proxy requires it. The proxy must allow CONNECT to the receivers' ports." placeholder:"URL"`
	EgressCAFile string `help:"PEM file of additional CA certificates to trust for receivers." type:"path" placeholder:"FILE"`
}

// errProxy never repeats what was set, which may hold a password.
var errProxy = errors.New("--egress-proxy must be http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ in front of the host or without")

// Proxy is the proxy that deliveries go through; nil: none.
func (e Egress) Proxy() (*url.URL, error) {
	if e.EgressProxy == "" {
		return nil, nil //nolint:nilnil // there need not be one
	}
	u, err := url.Parse(e.EgressProxy)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Port() == "",
		u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, errProxy
	}
	return u, nil
}

// ErrNoAuthorities is what [Egress.Roots] fails with where the system has no certificate authorities.
var ErrNoAuthorities = errors.New("this machine has no certificate authorities")

// Roots are the certificate authorities that receivers' certificates may be of; nil: the system's. It fails with
// [ErrNoAuthorities] when no file adds any to those that the system does not have: then no receiver can be trusted.
func (e Egress) Roots() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if e.EgressCAFile == "" {
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrNoAuthorities, err)
		case roots.Equal(x509.NewCertPool()):
			return nil, ErrNoAuthorities
		}
		return nil, nil //nolint:nilnil // nil means the system's
	}
	if err != nil {
		return nil, fmt.Errorf("the system's certificate authorities: %w", err)
	}
	text, err := readFile(e.EgressCAFile)
	if err != nil {
		return nil, fmt.Errorf("--egress-ca-file: %w", err)
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, Usage(fmt.Errorf("--egress-ca-file: %s holds no certificate in PEM", e.EgressCAFile))
	}
	return roots, nil
}
