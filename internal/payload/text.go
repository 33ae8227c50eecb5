package payload

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string, to the byte as encoding/json does with SetEscapeHTML(false). The library has
// no form of it that appends.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped is appendQuoted without the quotes.
func appendEscaped(dst []byte, s string) []byte {
	start := 0 // of what can be copied as it is
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			if b < ' ' || b == '"' || b == '\\' {
				dst = appendEscape(append(dst, s[start:i]...), b)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if escape := escapeOf(r, size); escape != "" {
			dst = append(append(dst, s[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(dst, s[start:]...)
}

// escapeOf gives what stands for a character beyond ASCII that must not stand as it is: a byte that is no UTF-8, and
// the two line ends that JavaScript did not allow in strings.
func escapeOf(r rune, size int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return `\ufffd`
	case r == '\u2028':
		return `\u2028`
	case r == '\u2029':
		return `\u2029`
	}
	return ""
}

// appendEscape appends the escape of a character of ASCII.
func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&0xf])
}

// decodedKey gives what a key says that stands as raw between its quotes: raw itself if nothing in it is escaped, else
// its decoded form, appended to dst.
func decodedKey(dst, raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return appendDecoded(dst, raw)
}

// appendDecoded appends what the inside of a JSON string says. Half a surrogate pair becomes U+FFFD, as in
// encoding/json.
func appendDecoded(dst, raw []byte) []byte {
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 || i+1 >= len(raw) {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		if raw[i+1] != 'u' {
			dst = append(dst, decodedEscape(raw[i+1]))
			raw = raw[i+2:]
			continue
		}
		r, size := decodedUnicode(raw[i:])
		dst = utf8.AppendRune(dst, r)
		raw = raw[i+size:]
	}
	return dst
}

func decodedEscape(b byte) byte {
	switch b {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return b // the quote, the slash and the backslash stand for themselves
}

// decodedUnicode reads one \u escape, or two that are a surrogate pair, and gives the number of bytes read.
func decodedUnicode(raw []byte) (r rune, size int) {
	const single, pair = len(`\u0000`), len(`\u0000\u0000`)
	r = decodedHex(raw)
	if utf16.IsSurrogate(r) && len(raw) >= pair && raw[single] == '\\' && raw[single+1] == 'u' {
		if both := utf16.DecodeRune(r, decodedHex(raw[single:])); both != utf8.RuneError {
			return both, pair
		}
	}
	if utf16.IsSurrogate(r) {
		r = utf8.RuneError
	}
	return r, min(single, len(raw))
}

// decodedHex reads the four digits of a \u escape at the start of raw.
func decodedHex(raw []byte) rune {
	if len(raw) < len(`\u0000`) {
		return utf8.RuneError
	}
	var r rune
	for _, b := range raw[2:6] {
		digit := rune(b|0x20) - 'a' + 10
		if b <= '9' {
			digit = rune(b) - '0'
		}
		r = r<<4 | digit&0xf
	}
	return r
}

// appendCompact appends a JSON value as it would stand inside a string: without white space between its parts, and with
// its quotes and backslashes escaped. Nothing else in valid JSON needs an escape.
func appendCompact(dst, value []byte) []byte {
	for i := 0; i < len(value); {
		switch b := value[i]; {
		case isSpace(b):
			i++
		case b == '"':
			end := skipString(value, i)
			for _, b := range value[i:end] {
				if b == '"' || b == '\\' {
					dst = append(dst, '\\')
				}
				dst = append(dst, b)
			}
			i = end
		default:
			dst = append(dst, b)
			i++
		}
	}
	return dst
}
