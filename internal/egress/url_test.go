package egress_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/egress"
)

func TestCheckURLTakesWhatCanBeDialled(t *testing.T) {
	for _, raw := range []string{
		"http://example.com",
		"https://example.com/",
		"HTTPS://EXAMPLE.COM/Path?q=1&r=%20#part",
		"https://example.com:1/",
		"https://example.com:65535/",
		"https://example.com:8443/a/b",
		"https://example.com:/",
		"https://example.com./",
		"https://hooks",
		"https://my_service.internal.example/x",
		"https://a-b.example",
		"https://1password.com",
		"https://127.0.0.1.nip.io/",
		"https://0x7f.example",
		"https://notlocalhost/",
		"https://localhost.example.com/",
		"https://münchen.example/straße",
		"https://例え.テスト/",
		"https://xn--mnchen-3ya.example",
		"https://8.8.8.8/",
		"https://8.8.8.8:8443/",
		"https://[2606:4700::1111]/",
		"https://[2606:4700:0:0:0:0:0:1111]:8443/",
		"https://example.com/http://127.0.0.1/",
		"https://example.com/?url=http://127.0.0.1/@x",
		"https://" + strings.Repeat("a", 63) + ".example/",
		"https://" + strings.Repeat("a.", 126) + "a/", // 253 bytes
		"https://example.1x1/",
		"https://example.0xg/",
	} {
		for _, allowPrivate := range []bool{false, true} {
			if err := egress.New(allowPrivate).CheckURL(raw); err != nil {
				t.Errorf("%s (allowPrivate %v): %v", raw, allowPrivate, err)
			}
		}
	}
}

func TestCheckURLRefusesWhatIsNoURLForARequest(t *testing.T) {
	for name, raw := range map[string]string{
		"empty":                                "",
		"a word":                               "example",
		"no scheme":                            "example.com/hook",
		"no scheme, with port":                 "example.com:443/hook",
		"relative to the scheme":               "//example.com/hook",
		"a path":                               "/hook",
		"opaque":                               "http:example.com",
		"one slash":                            "http:/example.com",
		"three slashes":                        "http:///example.com",
		"scheme only":                          "https://",
		"ftp":                                  "ftp://example.com/",
		"file":                                 "file:///etc/passwd",
		"gopher":                               "gopher://127.0.0.1:6379/_x",
		"javascript":                           "javascript:alert(1)",
		"data":                                 "data:text/plain,x",
		"unix socket":                          "http+unix://%2Frun%2Fdocker.sock/",
		"user":                                 "https://user@example.com/",
		"user and password":                    "https://user:private@example.com/",
		"empty user":                           "https://@example.com/",
		"host hidden behind a user":            "https://example.com@127.0.0.1/",
		"host hidden behind an escape":         "https://example.com%40127.0.0.1/",
		"backslash":                            `https://example.com\@127.0.0.1/`,
		"backslash for a slash":                `https:\\127.0.0.1/`,
		"port 0":                               "https://example.com:0/",
		"port too high":                        "https://example.com:65536/",
		"port far too high":                    "https://example.com:99999999999999999999/",
		"port negative":                        "https://example.com:-1/",
		"port a word":                          "https://example.com:http/",
		"port signed":                          "https://example.com:+443/",
		"two ports":                            "https://example.com:80:80/",
		"only a port":                          "https://:443/",
		"only a dot":                           "https://./",
		"two dots":                             "https://a..example/",
		"dot in front":                         "https://.example/",
		"two trailing dots":                    "https://example.com../",
		"space in front":                       " https://example.com/",
		"space behind":                         "https://example.com/ ",
		"space in the host":                    "https://exa mple.com/",
		"space in the path":                    "https://example.com/a b",
		"tab":                                  "https://exam\tple.com/",
		"line end":                             "https://example.com/\r\nHost: x",
		"nul":                                  "https://example.com\x00.evil/",
		"delete":                               "https://example.com/\x7f",
		"percent-encoded digits":               "http://%31%32%37.0.0.1/",
		"percent-encoded dot":                  "http://127%2e0%2e0%2e1/",
		"percent-encoded nul":                  "http://127.0.0.1%00.example/",
		"percent-encoded, broken":              "http://example.com/%zz",
		"invalid utf-8 in the host":            "https://ex\xffample.com/",
		"invalid utf-8 in the host, encoded":   "https://ex%FFample.com/",
		"quote in the host":                    `https://exa"mple.com/`,
		"dollar in the host":                   "https://exa$mple.com/",
		"braces in the host":                   "https://{{host}}/",
		"leading hyphen":                       "https://-a.example/",
		"trailing hyphen":                      "https://a-.example/",
		"label too long":                       "https://" + strings.Repeat("a", 64) + ".example/",
		"name too long":                        "https://" + strings.Repeat("a.", 126) + "aa/",
		"IPv4 with the first number too high":  "https://383.1/", // 127.0.0.1 modulo 256
		"IPv4 with the second number too high": "https://127.256.1/",
		"IPv4 with an empty number":            "https://1..2/",
		"brackets never closed":                "https://[::1/",
		"brackets round nothing":               "https://[]/",
		"brackets round IPv4":                  "https://[127.0.0.1]/",
		"brackets round a name":                "https://[localhost]/",
		"brackets of the future":               "https://[v1.fe80::a]/",
		"IPv6 without brackets":                "https://2606:4700::1111/",
		"loopback without brackets":            "http://::1/",
		"text behind the brackets":             "https://[2606:4700::1111]x/",
		"IPv4 with a number too high":          "https://256.256.256.256/",
		"IPv4 of five numbers":                 "https://1.2.3.4.5/",
		"IPv4 of one number too high":          "https://4294967296/",
		"IPv4 of one number far too high":      "https://99999999999999999999999/",
		"octal with a digit of decimal":        "https://09.0.0.1/",
		"a public address in decimal":          "https://134744072/",
		"a public address in hexadecimal":      "https://0x08.0x08.0x08.0x08/",
		"a public address in octal":            "https://010.010.010.010/",
		"a public address with zeros":          "https://8.8.8.08/",
		"a public address, short":              "https://8.526344/",
		"a public address, trailing dot":       "https://8.8.8.8./",
		"a name whose last label is number":    "https://example.123/",
		"a name whose last label is hex":       "https://example.0x/",
	} {
		t.Run(name, func(t *testing.T) {
			for _, allowPrivate := range []bool{false, true} {
				err := egress.New(allowPrivate).CheckURL(raw)
				if !errors.Is(err, egress.ErrInvalidURL) || errors.Is(err, egress.ErrBlocked) {
					t.Errorf("%q (allowPrivate %v): got %v, want ErrInvalidURL", raw, allowPrivate, err)
				}
			}
		})
	}
}

// hostileHosts are spellings of addresses and names that must not be reached. Those marked plain are what the dialer
// takes as they stand, and so are valid for a guard that allows private addresses.
var hostileHosts = map[string]struct{ plain bool }{
	"127.0.0.1": {true}, "127.0.0.1:8080": {true}, "127.255.255.254": {true}, "0.0.0.0": {true}, "10.0.0.1": {true},
	"172.16.0.1": {true}, "192.168.1.1": {true}, "100.64.0.1": {true}, "169.254.169.254": {true}, "198.18.0.1": {true},
	"224.0.0.1": {true}, "240.0.0.1": {true}, "255.255.255.255": {true}, "192.0.2.1": {true}, "168.63.129.16": {true},

	"127.0.0.1.": {}, "2130706433": {}, "2130706433.": {}, "0x7f000001": {}, "0X7F000001": {}, "0x7F.1": {}, "0x7f.0.0.1": {},
	"0x7f.0x0.0x0.0x1": {}, "0x7f.0x.0x.0x1": {}, "017700000001": {}, "0177.0.0.1": {}, "0177.0.0.01": {}, "00000177.0.0.1": {},
	"0177.1": {}, "127.1": {}, "127.0.1": {}, "127.65535": {}, "127.0x1": {}, "0": {}, "0.": {}, "00": {}, "0x": {}, "0x0": {}, "0.0": {},
	"127.0.0.001": {}, "127.00.00.1": {}, "0xa9fea9fe": {}, "2852039166": {}, "0251.0376.0251.0376": {}, "169.254.43518": {},
	"0xA9.0xFE.0xA9.0xFE": {}, "169.16689662": {}, "025177524776": {}, "3232235777": {}, "167772161": {}, "4294967295": {},

	"１２７.０.０.１": {true}, "127。0。0。1": {true}, "127．0．0．1": {true}, "１２７．１": {}, "①②⑦.⓪.⓪.①": {true}, "𝟏𝟐𝟕.𝟎.𝟎.𝟏": {true},
	"２１３０７０６４３３": {}, "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1": {true}, "127.0.0.1。": {}, "0ｘ7f.1": {}, "１６９.２５４.１６９.２５４": {true},

	"[::1]": {true}, "[::1]:8080": {true}, "[0:0:0:0:0:0:0:1]": {true}, "[0000:0000:0000:0000:0000:0000:0000:0001]": {true}, "[::]": {true},
	"[::ffff:127.0.0.1]": {true}, "[::ffff:7f00:1]": {true}, "[0:0:0:0:0:ffff:127.0.0.1]": {true}, "[::FFFF:169.254.169.254]": {true},
	"[::127.0.0.1]": {true}, "[::7f00:1]": {true}, "[64:ff9b::127.0.0.1]": {true}, "[64:ff9b:1::a00:1]": {true}, "[2002:7f00:1::]": {true},
	"[2001::1]": {true}, "[fe80::1]": {true}, "[fe80::1%25eth0]": {true}, "[fec0::1]": {true}, "[fc00::1]": {true}, "[fd00:ec2::254]": {true},
	"[ff02::1]": {true}, "[2001:db8::1]": {true}, "[2606:4700::1111%25lo]": {true},

	"localhost": {true}, "LOCALHOST": {true}, "LocalHost:8080": {true}, "localhost.": {true}, "a.localhost": {true}, "a.b.LOCALHOST.": {true},
	"ｌｏｃａｌｈｏｓｔ": {true}, "local\u00adhost": {true}, "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ": {true}, "a。localhost": {true}, "loca%E2%93%9Bhost": {true},
}

func TestCheckURLBlocksHostileSpellings(t *testing.T) {
	for host, spelling := range hostileHosts {
		raw := "http://" + host + "/hook"
		if err := egress.New(false).CheckURL(raw); !errors.Is(err, egress.ErrBlocked) || errors.Is(err, egress.ErrInvalidURL) {
			t.Errorf("%s: got %v, want ErrBlocked", raw, err)
		}
		err := egress.New(true).CheckURL(raw)
		if spelling.plain && err != nil {
			t.Errorf("%s: got %v though private addresses are allowed", raw, err)
		}
		if !spelling.plain && !errors.Is(err, egress.ErrInvalidURL) {
			t.Errorf("%s: got %v with private addresses allowed, want ErrInvalidURL", raw, err)
		}
	}
}

func TestCheckURLErrorsDoNotRepeatTheURL(t *testing.T) {
	for _, raw := range []string{"https://me:tellnoone@example.com/", "https://example.com/%zz?token=tellnoone", "tellnoone"} {
		err := egress.New(false).CheckURL(raw)
		if err == nil || strings.Contains(err.Error(), "tellnoone") {
			t.Errorf("%s: got %v", raw, err)
		}
	}
}

func FuzzCheckURLTakesOnlyWhatParses(f *testing.F) {
	for host := range hostileHosts {
		f.Add("http://" + host + "/")
	}
	f.Add("https://user@example.com:443/x")
	guard, open := egress.New(false), egress.New(true)
	f.Fuzz(func(t *testing.T, raw string) {
		if guard.CheckURL(raw) != nil {
			return
		}
		if err := open.CheckURL(raw); err != nil {
			t.Fatalf("%q: the stricter guard takes what the other refuses: %v", raw, err)
		}
		u, err := url.Parse(raw)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			t.Fatalf("%q: taken, and is %+v, %v", raw, u, err)
		}
	})
}

func BenchmarkCheckURL(b *testing.B) {
	guard := egress.New(false)
	for _, raw := range []string{"https://hooks.example.com/in/42", "https://8.8.8.8/", "https://münchen.example/"} {
		b.Run(raw, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = guard.CheckURL(raw)
			}
		})
	}
}
