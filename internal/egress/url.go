package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrInvalidURL is what [Guard.CheckURL] returns, with the reason in its text, for a URL that is faulty in itself
// rather than blocked. The text never repeats the URL, which may hold a credential.
var ErrInvalidURL = errors.New("invalid URL")

func invalid(reason string) error { return fmt.Errorf("%w: %s", ErrInvalidURL, reason) }

// CheckURL says whether requests may be sent to raw, as far as its text tells; names are not resolved.
//
// The URL must be absolute, with the scheme http or https, a host, no user or password, and if a port is named, one of
// 1–65535; else the error matches [ErrInvalidURL]. A host that is a blocked address in any spelling that some resolver
// takes for one (2130706433, 0177.0.0.1, 0x7f.1, 127.1, full-width digits, a trailing dot), and localhost and the names
// under it, give a [*BlockedError], which matches [ErrBlocked]. An address that would be allowed is valid only in its
// usual spelling, as the dialer would look the others up as names.
//
// A guard that allows private addresses refuses none for what it is; all the rest is checked as well.
func (g *Guard) CheckURL(raw string) error {
	// url.Parse lets a space pass in some parts of a URL, as it does not in others.
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return invalid("it holds a space or a control character")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return invalid("it does not parse")
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid("the scheme must be http or https")
	case u.User != nil:
		return invalid("it holds a user name or password")
	case u.Hostname() == "":
		return invalid("it has no host")
	}
	if err := checkPort(u.Port()); err != nil {
		return err
	}
	return g.checkHost(u)
}

// checkPort takes the port as written; empty means the scheme's own.
func checkPort(port string) error {
	if port == "" {
		return nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return invalid("the port must be between 1 and 65535")
	}
	return nil
}

func (g *Guard) checkHost(u *url.URL) error {
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() {
			return invalid("the brackets hold no IPv6 address")
		}
		return g.Allow(addr)
	}
	host, err := ASCIIHost(host)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(host, ".")
	switch {
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		if g.allowPrivate {
			return nil
		}
		return &BlockedError{Host: name}
	case endsInNumber(name):
		return g.checkIPv4(host, name)
	case !isDomainName(name):
		return invalid("the host is no domain name")
	}
	return nil
}

func (g *Guard) checkIPv4(host, name string) error {
	addr, ok := parseIPv4(name)
	if !ok {
		return invalid("the host is no IPv4 address")
	}
	if err := g.Allow(addr); err != nil {
		return err
	}
	if addr.String() != host {
		return invalid("the IPv4 address must be written as " + addr.String())
	}
	return nil
}

// ASCIIHost gives a host in lower case and ASCII, as it is to be dialled: full-width digits and letters, ideographic full
// stops and their like become what they look like (UTS 46), and names of other letters Punycode. It fails with
// [ErrInvalidURL].
func ASCIIHost(host string) (string, error) {
	if isASCII(host) {
		return strings.ToLower(host), nil
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil || !utf8.ValidString(host) { // idna makes a name even of invalid UTF-8
		return "", invalid("the host is no domain name")
	}
	return ascii, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
