package egress_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/carteiro/carteiro/internal/egress"
)

var blockedAddrs = map[string][]string{
	"this network":             {"0.0.0.0", "0.0.0.1", "0.255.255.255"},
	"private":                  {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"},
	"shared (carrier NAT)":     {"100.64.0.1", "100.127.255.255", "100.100.100.200"},
	"loopback":                 {"127.0.0.1", "127.0.0.53", "127.255.255.255", "::1"},
	"link-local":               {"169.254.0.1", "169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "febf::1"},
	"protocol assignments":     {"192.0.0.1", "192.0.0.192", "192.88.99.1"},
	"documentation":            {"192.0.2.1", "198.51.100.1", "203.0.113.255", "2001:db8::1", "3fff::1"},
	"benchmarking":             {"198.18.0.1", "198.19.255.255", "2001:2::1"},
	"multicast":                {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
	"reserved and broadcast":   {"240.0.0.1", "255.255.255.254", "255.255.255.255"},
	"platform services":        {"168.63.129.16", "fd00:ec2::254", "fd20:ce::254"},
	"unspecified":              {"::"},
	"unique local":             {"fc00::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	"site-local":               {"fec0::1", "feff::1"},
	"IPv4-mapped":              {"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8"},
	"IPv4-compatible":          {"::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1"},
	"NAT64":                    {"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"},
	"6to4":                     {"2002::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1"},
	"Teredo":                   {"2001::1", "2001:0:7f00:1::"},
	"ORCHID":                   {"2001:10::1", "2001:20::1"},
	"discard":                  {"100::1"},
	"segment routing":          {"5f00::1"},
	"not assigned":             {"4000::1", "1000::1", "8000::1", "c000::1"},
	"a public one with a zone": {"2606:4700::1111%eth0"},
}

var publicAddrs = []string{
	"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
	"168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
	"198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1", "2620:fe::fe",
}

func TestAllowBlocksWhatIsNotPublic(t *testing.T) {
	guard := egress.New(false)
	for kind, addrs := range blockedAddrs {
		for _, text := range addrs {
			addr := netip.MustParseAddr(text)
			err := guard.Allow(addr)
			var blocked *egress.BlockedError
			if !errors.Is(err, egress.ErrBlocked) || !errors.As(err, &blocked) || blocked.Addr != addr {
				t.Errorf("%s: %s: got %v, want it blocked", kind, text, err)
			} else if want := "blocked address " + addr.String(); err.Error() != want {
				t.Errorf("%s: got the text %q, want %q", kind, err, want)
			}
		}
	}
}

func TestAllowLetsPublicAddressesPass(t *testing.T) {
	guard := egress.New(false)
	for _, text := range publicAddrs {
		if err := guard.Allow(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAllowPrivateLetsEveryAddressPass(t *testing.T) {
	guard := egress.New(true)
	for kind, addrs := range blockedAddrs {
		for _, text := range addrs {
			if err := guard.Allow(netip.MustParseAddr(text)); err != nil {
				t.Errorf("%s: %s: %v", kind, text, err)
			}
		}
	}
}

func TestAllowBlocksNoAddressAtAll(t *testing.T) {
	for _, allowPrivate := range []bool{false, true} {
		if err := egress.New(allowPrivate).Allow(netip.Addr{}); !errors.Is(err, egress.ErrBlocked) {
			t.Errorf("allowPrivate %v: got %v", allowPrivate, err)
		}
	}
}

func TestControlChecksTheAddressDialled(t *testing.T) {
	tests := []struct {
		name, network, address         string
		blocked, blockedIfPrivateIsToo bool
	}{
		{"public IPv4", "tcp4", "8.8.8.8:443", false, false},
		{"public IPv6", "tcp6", "[2606:4700::1111]:443", false, false},
		{"any port", "tcp4", "8.8.8.8:65535", false, false},
		{"loopback", "tcp4", "127.0.0.1:80", true, false},
		{"loopback of IPv6", "tcp6", "[::1]:80", true, false},
		{"mapped loopback", "tcp6", "[::ffff:127.0.0.1]:80", true, false},
		{"link-local with a zone", "tcp6", "[fe80::1%eth0]:80", true, false},
		{"a name", "tcp4", "example.com:80", true, true},
		{"no port", "tcp4", "8.8.8.8", true, true},
		{"nothing", "tcp4", "", true, true},
		{"another protocol", "udp4", "8.8.8.8:53", true, true},
		{"a socket in the file system", "unix", "/run/docker.sock", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for allowPrivate, want := range map[bool]bool{false: tt.blocked, true: tt.blockedIfPrivateIsToo} {
				err := egress.New(allowPrivate).Control(t.Context(), tt.network, tt.address, nil)
				if errors.Is(err, egress.ErrBlocked) != want {
					t.Errorf("allowPrivate %v: got %v, want it blocked: %v", allowPrivate, err, want)
				}
			}
		})
	}
}

func FuzzControlNeverLetsALocalAddressPass(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:80", "[::1]:80", "[::ffff:10.0.0.1]:1", "[fe80::1%1]:80", "8.8.8.8:443"} {
		f.Add(seed)
	}
	guard := egress.New(false)
	f.Fuzz(func(t *testing.T, address string) {
		if guard.Control(t.Context(), "tcp4", address, nil) != nil {
			return
		}
		// An independent reading of what is local: net/netip's own classes, of the address as the kernel would take it.
		addr := netip.MustParseAddrPort(address).Addr().Unmap()
		if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLoopback() || addr.Zone() != "" {
			t.Fatalf("%s passed", address)
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	guard := egress.New(false)
	for _, text := range []string{"8.8.8.8", "2606:4700::1111"} {
		addr := netip.MustParseAddr(text)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = guard.Allow(addr)
			}
		})
	}
}

func BenchmarkControl(b *testing.B) {
	guard := egress.New(false)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_ = guard.Control(ctx, "tcp4", "8.8.8.8:443", nil)
	}
}
