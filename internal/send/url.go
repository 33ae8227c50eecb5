package send

import (
	"cmp"
	"net/url"
	"strings"
)

// requestTarget returns the request target for a URL, path and query, in the characters that RFC 3986 allows: everything else is
// percent-encoded. Many servers answer 400 to a raw quotation mark, brace or letter outside of ASCII.
func requestTarget(u *url.URL) string {
	target := cmp.Or(u.RawPath, u.EscapedPath(), "/") // RawPath, if set, is the path as it was written
	if u.ForceQuery || u.RawQuery != "" {
		target += "?" + u.RawQuery
	}
	clean := true
	for i := range len(target) {
		clean = clean && allowedAt(target, i)
	}
	if clean {
		return target
	}
	var b strings.Builder
	for i := range len(target) {
		if allowedAt(target, i) {
			b.WriteByte(target[i])
		} else {
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[target[i]>>4])
			b.WriteByte("0123456789ABCDEF"[target[i]&15])
		}
	}
	return b.String()
}

// allowedAt reports whether the byte at i may stand in a path or a query. A percent sign must begin an escape.
func allowedAt(s string, i int) bool {
	c := s[i]
	if c == '%' {
		return i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])
	}
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:@/?", c) >= 0
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// withoutZone returns a host without the zone of an IPv6 address, which means something on this machine alone (RFC 6874).
func withoutZone(host string) string {
	address, _, _ := strings.Cut(host, "%")
	return address
}
