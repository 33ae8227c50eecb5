package send

import (
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/carteiro/carteiro"
)

// The log shows response bodies as text. readable makes text of one: it decompresses it, converts it to UTF-8, and shows
// what is not text as a hex dump. Whatever it cannot do it says in brackets in front of the body. All of it is bounded, because
// receivers choose the bytes: 16 KiB in, 16 KiB out, two codings, and a few bodies at a time.

const (
	maxCodings = 2
	// maxBetween is how much is read between two codings, in bytes.
	maxBetween = 256 << 10
	// maxDumped is how much of binary data is shown, in bytes.
	maxDumped = 256
)

// decoding bounds the decompressors at work: a brotli stream may ask for 16 MiB.
var decoding = make(chan struct{}, 2)

// readable replaces an outcome's response body by text.
func readable(o *carteiro.Outcome) {
	if len(o.ResponseBody) == 0 {
		return
	}
	coding := strings.ToLower(strings.Join(o.ResponseHeaders["Content-Encoding"], ","))
	if coding != "" && coding != "identity" {
		decoded, more, err := decode(o.ResponseBody, strings.Split(coding, ","))
		if err != nil {
			o.ResponseBody = dump(o, fmt.Sprintf("%.40q that cannot be decoded", coding))
			return
		}
		o.ResponseBody, o.ResponseTruncated = decoded, o.ResponseTruncated || more
	}
	text, ok := toUTF8(o)
	if !ok {
		text = dump(o, "binary data")
	}
	o.ResponseBody = text
	if len(text) > maxResponseBody {
		o.ResponseBody, o.ResponseTruncated = text[:maxResponseBody], true
	}
	if o.ResponseTruncated {
		o.ResponseBody = wholeRunes(o.ResponseBody)
	}
}

// decode undoes codings, the last one first. more means that the result was cut off. It fails when nothing can be decoded; what
// comes before a fault is kept.
func decode(body []byte, codings []string) (decoded []byte, more bool, err error) {
	if len(codings) > maxCodings {
		return nil, false, fmt.Errorf("%d codings", len(codings))
	}
	decoding <- struct{}{}
	defer func() { <-decoding }()
	defer func() {
		if fault := recover(); fault != nil { // a decoder must not end the server, whatever it is fed
			err = fmt.Errorf("decoder: %v", fault)
		}
	}()
	var r io.Reader = bytes.NewReader(body)
	for i := len(codings) - 1; i >= 0; i-- {
		if r, err = decoder(strings.TrimSpace(codings[i]), io.LimitReader(r, maxBetween)); err != nil {
			return nil, false, err
		}
	}
	decoded, err = io.ReadAll(io.LimitReader(r, maxResponseBody+1))
	if len(decoded) > maxResponseBody {
		return decoded[:maxResponseBody], true, nil
	}
	if len(decoded) == 0 {
		return nil, false, err
	}
	return decoded, err != nil, nil
}

func decoder(coding string, r io.Reader) (io.Reader, error) {
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewReader(r)
	case "br":
		return brotli.NewReader(r), nil
	case "deflate": // zlib by the standard; some servers send raw deflate
		var seen bytes.Buffer
		z, err := zlib.NewReader(io.TeeReader(r, &seen))
		if err != nil {
			return flate.NewReader(io.MultiReader(&seen, r)), nil
		}
		return z, nil
	case "identity":
		return r, nil
	default:
		return nil, fmt.Errorf("unknown coding %q", coding)
	}
}

// toUTF8 converts a body to UTF-8. Bytes that are neither UTF-8 nor in the declared charset are read as windows-1252, as browsers
// do, if they look like text. Not ok: they do not.
func toUTF8(o *carteiro.Outcome) (text []byte, ok bool) {
	body := o.ResponseBody
	_, parameters, _ := mime.ParseMediaType(http.Header(o.ResponseHeaders).Get("Content-Type"))
	charset := strings.ToLower(parameters["charset"])
	if charset != "" && charset != "utf-8" && charset != "us-ascii" {
		encoding, err := htmlindex.Get(charset)
		if err == nil {
			text, err = encoding.NewDecoder().Bytes(body)
		}
		if err == nil && isText(text) {
			return bytes.TrimPrefix(text, []byte("\ufeff")), true
		}
	}
	whole := body
	if o.ResponseTruncated {
		whole = wholeRunes(body)
	}
	if utf8.Valid(whole) && isText(whole) {
		return body, true
	}
	if !looksLikeText(body) {
		return nil, false
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(body)
	label := fmt.Sprintf("[not valid %.40s; shown as windows-1252]\n", cmp.Or(charset, "UTF-8"))
	return append([]byte(label), text...), err == nil
}

func isText(b []byte) bool { return bytes.IndexByte(b, 0) < 0 }

// looksLikeText reports whether bytes may be text in a charset that extends ASCII by one byte a character: at least three of
// four are ASCII, and none is a control character that text has no use for.
func looksLikeText(b []byte) bool {
	ascii := 0
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' || c == 0x7f {
			return false
		}
		if c < 0x80 {
			ascii++
		}
	}
	return 4*ascii >= 3*len(b)
}

// wholeRunes cuts off a part of a character at the end.
func wholeRunes(b []byte) []byte {
	for n := 1; n <= min(utf8.UTFMax, len(b)); n++ {
		if i := len(b) - n; utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// dump shows the beginning of a body in hex, after what it is.
func dump(o *carteiro.Outcome, what string) []byte {
	kind, _, _ := mime.ParseMediaType(http.Header(o.ResponseHeaders).Get("Content-Type"))
	size := fmt.Sprintf("%d bytes", len(o.ResponseBody))
	if o.ResponseTruncated {
		size = "more than " + size
	}
	return fmt.Appendf(nil, "[%s, %.100s, %s]\n%s", what, cmp.Or(kind, "no content type"), size, hex.Dump(o.ResponseBody[:min(len(o.ResponseBody), maxDumped)]))
}
