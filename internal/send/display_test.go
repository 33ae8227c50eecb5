package send

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/andybalholm/brotli"

	"github.com/carteiro/carteiro"
)

// compressed returns text in codings, applied in their order.
func compressed(t testing.TB, text string, codings ...string) string {
	t.Helper()
	for _, coding := range codings {
		var b bytes.Buffer
		w := map[string]func() io.WriteCloser{
			"gzip":    func() io.WriteCloser { return gzip.NewWriter(&b) },
			"deflate": func() io.WriteCloser { return zlib.NewWriter(&b) },
			"raw":     func() io.WriteCloser { w, _ := flate.NewWriter(&b, 9); return w },
			"br":      func() io.WriteCloser { return brotli.NewWriter(&b) },
		}[coding]()
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		text = b.String()
	}
	return text
}

func response(coding, contentType, body string) *carteiro.Outcome {
	h := http.Header{}
	for name, value := range map[string]string{"Content-Encoding": coding, "Content-Type": contentType} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return &carteiro.Outcome{ResponseHeaders: h, ResponseBody: []byte(body)}
}

func TestAResponseIsShownAsText(t *testing.T) {
	const text = "Erro: ação inválida"
	png := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
	for name, c := range map[string]struct{ coding, contentType, body, want string }{
		"text":                     {"", "text/plain", text, text},
		"gzip":                     {"gzip", "", compressed(t, text, "gzip"), text},
		"x-gzip in capitals":       {"X-GZIP", "", compressed(t, text, "gzip"), text},
		"deflate":                  {"deflate", "", compressed(t, text, "deflate"), text},
		"raw deflate":              {"deflate", "", compressed(t, text, "raw"), text},
		"brotli":                   {"br", "", compressed(t, text, "br"), text},
		"two codings":              {"br, gzip", "", compressed(t, text, "br", "gzip"), text},
		"identity":                 {"identity", "", text, text},
		"gzip that breaks off":     {"gzip", "", compressed(t, strings.Repeat(text, 99), "gzip")[:60], "Erro: ação"},
		"gzip that is none":        {"gzip", "text/html", "plain text", `["gzip" that cannot be decoded, text/html, 10 bytes]` + "\n00000000  70 6c 61 69 6e 20 74 65  78 74"},
		"an unknown coding":        {"zstd", "", "x", `["zstd" that cannot be decoded, no content type, 1 bytes]` + "\n00000000  78"},
		"too many codings":         {"gzip, gzip, gzip", "", compressed(t, text, "gzip", "gzip", "gzip"), `["gzip, gzip, gzip" that cannot be decoded`},
		"latin1":                   {"", "text/html; charset=ISO-8859-1", "a\xe7\xe3o", "ação"},
		"latin1 in gzip":           {"gzip", `text/html; charset="latin1"`, compressed(t, "a\xe7\xe3o", "gzip"), "ação"},
		"Shift JIS":                {"", "text/plain; charset=shift_jis", "\x93\xfa\x96\x7b", "日本"},
		"UTF-16":                   {"", "application/json; charset=utf-16le", "\xff\xfeo\x00k\x00", "ok"},
		"an undeclared charset":    {"", "text/html", "a\xe7\xe3o do cliente", "[not valid UTF-8; shown as windows-1252]\nação do cliente"},
		"a charset of nobody's":    {"", "text/html; charset=x-nothing", "a\xe7\xe3o do cliente", "[not valid x-nothing; shown as windows-1252]\nação do cliente"},
		"a charset that is untrue": {"", "text/html; charset=utf-8", "a\xe7\xe3o do cliente", "[not valid utf-8; shown as windows-1252]\nação do cliente"},
		"UTF-8 by an unknown name": {"", "text/html; charset=x-nothing", text, text},
		"blanks of every kind":     {"", "", "a\xe7\xe3o\tdo\r\ncliente\f", "[not valid UTF-8; shown as windows-1252]\nação\tdo\r\ncliente\f"},
		"a control character":      {"", "", "a\xe7\xe3o do cliente\x07", "[binary data, no content type, 16 bytes]\n00000000  61 e7 e3 6f"},
		"a delete character":       {"", "", "a\xe7\xe3o do cliente\x7f", "[binary data, no content type, 16 bytes]\n00000000  61 e7 e3 6f"},
		"an image":                 {"", "image/png", png, "[binary data, image/png, 16 bytes]\n00000000  89 50 4e 47 0d 0a 1a 0a  00 00 00 0d 49 48 44 52  |.PNG........IHDR|\n"},
		"an image in gzip":         {"gzip", "image/png", compressed(t, png, "gzip"), "[binary data, image/png, 16 bytes]\n00000000  89 50 4e 47"},
		"a NUL":                    {"", "", "a\x00b", "[binary data, no content type, 3 bytes]\n00000000  61 00 62"},
	} {
		o := response(c.coding, c.contentType, c.body)
		readable(o)
		if got := string(o.ResponseBody); got != c.want && (!strings.HasPrefix(got, c.want) || len(c.want) < 10) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if cut := name == "gzip that breaks off"; o.ResponseTruncated != cut {
			t.Errorf("%s: truncated %v", name, o.ResponseTruncated)
		}
	}
}

// However much a body decompresses to, no more of it is made than is shown.
func TestABombIsNotInflatedFurtherThanItIsShown(t *testing.T) {
	zeros := strings.Repeat("0", 2<<20)
	for coding, body := range map[string]string{
		"gzip": compressed(t, zeros, "gzip"), "deflate": compressed(t, zeros, "deflate"), "br": compressed(t, zeros, "br"),
		"gzip, br": compressed(t, zeros, "gzip", "br"), "gzip, gzip": compressed(t, zeros, "gzip", "gzip"),
	} {
		o := response(coding, "", body[:min(len(body), maxResponseBody)])
		readable(o)
		if !o.ResponseTruncated || len(o.ResponseBody) > maxResponseBody || !strings.HasPrefix(string(o.ResponseBody), "0000") {
			t.Errorf("%s: %d bytes, truncated %v: %.50s", coding, len(o.ResponseBody), o.ResponseTruncated, o.ResponseBody)
		}
	}
}

// A body that is as long as is shown, to the byte, was not cut off.
func TestABodyOfTheMaximumLengthIsWhole(t *testing.T) {
	for length, cut := range map[int]bool{maxResponseBody: false, maxResponseBody + 1: true} {
		o := response("gzip", "text/plain", compressed(t, strings.Repeat("0", length), "gzip"))
		readable(o)
		if o.ResponseTruncated != cut || len(o.ResponseBody) != maxResponseBody {
			t.Errorf("of %d bytes %d are shown, truncated %v", length, len(o.ResponseBody), o.ResponseTruncated)
		}
	}
}

func TestAPartOfACharacterIsCutOff(t *testing.T) {
	for body, want := range map[string]string{
		"": "", "a": "a", "é": "é", "日": "日", "😀": "😀", "a😀": "a😀",
		"\xc3": "", "\xe6": "", "\xe6\x97": "", "\xf0\x9f\x98": "", "a\xf0\x9f\x98": "a", "日\xe6\x97": "日",
	} {
		if got := string(wholeRunes([]byte(body))); got != want {
			t.Errorf("%q becomes %q, want %q", body, got, want)
		}
	}
}

func TestACutCharacterIsNotBinary(t *testing.T) {
	for cut := range 5 {
		o := response("", "", strings.Repeat("日", 9)+"日"[:cut%4])
		o.ResponseTruncated = true
		readable(o)
		if want := strings.Repeat("日", 9+cut/3%2); cut < 4 && string(o.ResponseBody) != want {
			t.Errorf("cut after %d bytes: %q", cut, o.ResponseBody)
		}
	}
}

// FuzzReadable: whatever a receiver sends, what is shown is text, and bounded.
func FuzzReadable(f *testing.F) {
	for _, coding := range []string{"gzip", "deflate", "br", "gzip,br", "", "zstd"} {
		f.Add(coding, "text/html; charset=iso-8859-1", []byte(compressed(f, "ação", "br")), false)
		f.Add(coding, "text/html; charset=utf-16", []byte(compressed(f, "ação", "gzip")), true)
	}
	f.Fuzz(func(t *testing.T, coding, contentType string, body []byte, truncated bool) {
		o := response(coding, contentType, string(body[:min(len(body), maxResponseBody)]))
		o.ResponseTruncated = truncated
		readable(o)
		if !utf8.Valid(o.ResponseBody) || len(o.ResponseBody) > maxResponseBody || bytes.IndexByte(o.ResponseBody, 0) >= 0 {
			t.Errorf("%d bytes: %.200q", len(o.ResponseBody), o.ResponseBody)
		}
	})
}
