package egress

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// endsInNumber reports whether a host's last label is a number, decimal or hexadecimal. No top-level domain is one, so
// such a host is an IPv4 address or nothing (WHATWG URL standard, "ends in a number checker").
func endsInNumber(name string) bool {
	label := name[strings.LastIndexByte(name, '.')+1:]
	if isAll(label, isDigit) {
		return label != ""
	}
	digits, ok := cutHexPrefix(label)
	return ok && isAll(digits, isHexDigit)
}

// parseIPv4 reads an IPv4 address as the C library's inet_aton does, and browsers after it: one to four numbers, each
// decimal, octal behind 0 or hexadecimal behind 0x, the last filling all the bytes that are left.
func parseIPv4(name string) (netip.Addr, bool) {
	labels := strings.Split(name, ".")
	last := len(labels) - 1
	if last > 3 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, label := range labels {
		n, ok := parseIPv4Number(label)
		limit := uint64(1) << 8
		if i == last {
			limit = 1 << (8 * (4 - last))
		}
		if !ok || n >= limit {
			return netip.Addr{}, false
		}
		if i == last {
			sum += n
		} else {
			sum += n << (8 * (3 - i))
		}
	}
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], uint32(sum))
	return netip.AddrFrom4(bytes), true
}

func parseIPv4Number(label string) (uint64, bool) {
	base := 10
	if digits, ok := cutHexPrefix(label); ok {
		if digits == "" {
			return 0, true // "0x" alone is zero to inet_aton
		}
		label, base = digits, 16
	} else if len(label) > 1 && label[0] == '0' {
		base = 8
	}
	// ParseUint would take a sign or, in other bases, more letters; neither gets past this.
	if !isAll(label, isHexDigit) {
		return 0, false
	}
	n, err := strconv.ParseUint(label, base, 64)
	return n, err == nil
}

// isDomainName reports whether a lower-case name without its trailing dot can be looked up: labels of 1–63 letters,
// digits, hyphens and underscores, no hyphen at either end, 253 bytes in all (RFC 1035, section 2.3.4; the underscore
// is no letter of host names, yet in use).
func isDomainName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || !isAll(label, isNameByte) {
			return false
		}
	}
	return true
}

func cutHexPrefix(label string) (digits string, ok bool) {
	if len(label) >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X') {
		return label[2:], true
	}
	return "", false
}

func isAll(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isNameByte(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' || c == '-' || c == '_' }
