package egress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// spell writes an IPv4 address in one of the ways that some resolver takes for one: of one to four numbers, each decimal,
// octal or hexadecimal, with zeros in front, in full-width digits, with a full stop behind.
func spell(addr [4]byte, style uint64) string {
	bits := func(n uint) uint64 {
		b := style & (1<<n - 1)
		style >>= n
		return b
	}
	labels := int(bits(2)) + 1
	var parts []string
	for i := range labels {
		value := uint64(addr[i])
		if i == labels-1 {
			for _, b := range addr[i+1:] {
				value = value<<8 | uint64(b)
			}
		}
		zeros := strings.Repeat("0", int(bits(2)))
		switch bits(2) {
		case 0:
			parts = append(parts, strconv.FormatUint(value, 10))
		case 1:
			parts = append(parts, "0"+zeros+strconv.FormatUint(value, 8))
		case 2:
			parts = append(parts, "0x"+zeros+strconv.FormatUint(value, 16))
		case 3:
			parts = append(parts, "0X"+zeros+strings.ToUpper(strconv.FormatUint(value, 16)))
		}
	}
	host := strings.Join(parts, []string{".", "。", "．", "%2E"}[bits(2)])
	if bits(1) == 1 {
		host = strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' {
				return r - '0' + '０'
			}
			return r
		}, host)
	}
	if bits(1) == 1 {
		host += "."
	}
	return host
}

// FuzzNoSpellingOfALocalAddressPasses: an address that must not be reached is refused however it is written, in IPv4 and
// as the forms of IPv6 that hold one.
func FuzzNoSpellingOfALocalAddressPasses(f *testing.F) {
	for _, address := range []uint32{0x7f000001, 0, 0xa9fea9fe, 0x0a000001, 0xc0a80101, 0xac100001, 0x64400001, 0xe0000001, 0xffffffff, 0x08080808} {
		for style := range uint64(8) {
			f.Add(address, style*0x9e3779b97f4a7c15)
		}
	}
	guard := New(false)
	f.Fuzz(func(t *testing.T, address uint32, style uint64) {
		four := [4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}
		addr := netip.AddrFrom4(four)
		// An independent reading of what is local: net/netip's own classes.
		local := !addr.IsGlobalUnicast() || addr.IsPrivate()
		for _, host := range []string{
			spell(four, style), "[::ffff:" + addr.String() + "]", "[::" + addr.String() + "]", fmt.Sprintf("[64:ff9b::%x]", address>>16),
			fmt.Sprintf("[2002:%x:%x::1]", address>>16, address&0xffff),
		} {
			err := guard.CheckURL("http://" + host + "/hook")
			if local && err == nil {
				t.Errorf("%s is taken, which is %s", host, addr)
			}
			if err == nil && strings.Trim(host, "0123456789.") != "" && !strings.HasPrefix(host, "[") {
				if ascii, _ := ASCIIHost(host); ascii != addr.String() {
					t.Errorf("%s is taken, and is not how an address is written", host)
				}
			}
		}
	})
}

// FuzzProxyAnswer: whatever a proxy answers, there is a tunnel only where it says so and says nothing more.
func FuzzProxyAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nmore", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.0 200\r\n\r\n", "",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "SSH-2.0\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		p := &proxy{address: "proxy:3128"}
		err := p.ask(&Conn{Conn: &said{r: bytes.NewReader(answer)}}, "192.0.2.1:443")
		var fault *ProxyError
		switch {
		case err != nil && !errors.As(err, &fault):
			t.Errorf("%q: %v", answer, err)
		case err == nil && (!bytes.HasPrefix(answer, []byte("HTTP/")) || !bytes.HasSuffix(answer, []byte("\n"))):
			t.Errorf("%q opens a tunnel", answer)
		}
	})
}

// said is a connection on which everything was said already.
type said struct {
	net.Conn
	r io.Reader
}

func (s *said) Read(p []byte) (int, error) { return s.r.Read(p) }
func (*said) Write(p []byte) (int, error)  { return len(p), nil }
func (*said) SetDeadline(time.Time) error  { return nil }
func (*said) Close() error                 { return nil }
