package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// policy lets a page load what was built with it and talk to its own server, and nothing else: nothing inline, nothing
// of third parties, and no page may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// How long browsers may keep what they got.
const (
	CacheRevalidate = "no-cache"
	CacheImmutable  = "public, max-age=31536000, immutable" // for names that hold a hash of what is in them
)

// File is one that is served, gzipped to those who take it.
type File struct {
	kind, cache string
	plain       body
	zipped      body // of no length where it would not be smaller
}

// body is a file's content in one encoding.
type body struct {
	content []byte
	tag     string
}

// NewFile makes a file of a kind that its name tells by its extension. The cache is CacheRevalidate or CacheImmutable.
func NewFile(name, cache string, content []byte) *File {
	f := &File{kind: contentType(name), cache: cache, plain: newBody(content)}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // a level that there is
	_, _ = w.Write(content)                                    // memory takes everything
	if _ = w.Close(); zipped.Len() < len(content)*9/10 {
		f.zipped = newBody(zipped.Bytes())
	}
	return f
}

// contentType is a file's media type. Those of text are named here: what else is known depends on the machine's own tables.
func contentType(name string) string {
	switch extension := path.Ext(name); extension {
	case ".md":
		return "text/markdown; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".yaml":
		return "application/yaml"
	default:
		return mime.TypeByExtension(extension)
	}
}

func newBody(content []byte) body {
	hash := sha256.Sum256(content)
	return body{content, `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`}
}

// ServeHTTP implements http.Handler.
func (f *File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", f.cache)
	header.Set("Content-Type", f.kind)
	header.Set("Vary", "Accept-Encoding")
	b := f.plain
	if f.zipped.content != nil && acceptsGzip(r) {
		b = f.zipped
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Etag", b.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.content))
}

// acceptsGzip says whether the browser takes gzip. Those that refuse it by a weight of zero are none of today's.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}
