// Package dashboard serves the embedded web page: its files, the page itself for every path that is one of its own, and
// strict rules for the browser. Everything else goes on to the API. Who may see what is decided there.
package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// policy lets the page load what was built with it and talk to its own server, and nothing else: nothing inline, nothing
// of third parties, and no page may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// How long browsers may keep what they got. The names of assets hold a hash of what is in them.
const (
	askAgain = "no-cache"
	forever  = "public, max-age=31536000, immutable"
)

// indexName is the page itself, and assets the folder of what Vite names by its content.
const (
	indexName = "index.html"
	assets    = "assets/"
)

// handler serves the page from memory.
type handler struct {
	files map[string]*file // by path, without the slash at the beginning
	index *file
	rest  http.Handler
}

// file is one that is served.
type file struct {
	kind, cache string
	plain       body
	zipped      body // of no length where it would not be smaller
}

// body is a file's content in one encoding.
type body struct {
	content []byte
	tag     string
}

// New makes a handler that serves the page, and has rest answer what is not the page's. Where the page was not built, it
// serves one that says so. It fails when the files cannot be read.
func New(page fs.FS, rest http.Handler) (http.Handler, error) {
	h := &handler{files: make(map[string]*file), rest: rest}
	err := fs.WalkDir(page, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		content, err := fs.ReadFile(page, name)
		h.files[name] = newFile(name, content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	if h.index = h.files[indexName]; h.index == nil {
		h.index = newFile(indexName, []byte(notBuilt))
	}
	return h, nil
}

func newFile(name string, content []byte) *file {
	f := &file{kind: mime.TypeByExtension(path.Ext(name)), cache: askAgain, plain: newBody(content)}
	if strings.HasPrefix(name, assets) {
		f.cache = forever
	}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // a level that there is
	_, _ = w.Write(content)                                    // memory takes everything
	if _ = w.Close(); zipped.Len() < len(content)*9/10 {
		f.zipped = newBody(zipped.Bytes())
	}
	return f
}

func newBody(content []byte) body {
	hash := sha256.Sum256(content)
	return body{content, `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := h.find(r)
	if f == nil {
		h.rest.ServeHTTP(w, r)
		return
	}
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

// find gives the file that a request is for: one that there is, or the page itself for a path that the page may know.
func (h *handler) find(r *http.Request) *file {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil
	}
	asked := r.URL.Path
	if asked != path.Clean(asked) && asked != path.Clean(asked)+"/" {
		return nil
	}
	name := strings.TrimPrefix(asked, "/")
	if f := h.files[name]; f != nil {
		return f
	}
	if name == "api" || strings.HasPrefix(name, "api/") || name == "readyz" || strings.HasPrefix(name, assets) ||
		strings.Contains(path.Base(asked), ".") {
		return nil
	}
	return h.index
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

// notBuilt stands in for the page in a binary that was built without it.
const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Carteiro</title>
<h1>Carteiro</h1>
<p>The server runs, and its API answers under <code>/api/v1</code> (<a href="/openapi.yaml">openapi.yaml</a>).
<p>The dashboard is not in this binary: it was built without the page. With Node installed,
<code>make build</code> builds both; released binaries have it.
<p lang="pt-BR">O servidor está no ar, e a API responde em <code>/api/v1</code>. O painel não está neste binário:
com o Node instalado, <code>make build</code> o inclui.
`
