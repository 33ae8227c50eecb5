// Package dashboard serves static files under a strict content security policy, and the embedded dashboard: its assets, and
// the page itself for every dashboard path. All other requests go to the next handler. The API decides who may see what.
package dashboard

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// indexName is the page itself, and assets the folder of what Vite names by its content.
const (
	indexName = "index.html"
	assets    = "assets/"
)

// handler serves the page from memory.
type handler struct {
	files map[string]*File // by path, without the slash at the beginning
	index *File
	rest  http.Handler
}

// New makes a handler that serves the page, and has rest answer what is not the page's. Where the page was not built, it
// serves one that says so. It fails when the files cannot be read.
func New(page fs.FS, rest http.Handler) (http.Handler, error) {
	h := &handler{files: make(map[string]*File), rest: rest}
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

// newFile makes a file of the page. The names of assets hold a hash of what is in them.
func newFile(name string, content []byte) *File {
	cache := CacheRevalidate
	if strings.HasPrefix(name, assets) {
		cache = CacheImmutable
	}
	return NewFile(name, cache, content)
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f := h.find(r); f != nil {
		f.ServeHTTP(w, r)
		return
	}
	h.rest.ServeHTTP(w, r)
}

// find gives the file that a request is for: one that there is, or the page itself for a path that the page may know.
func (h *handler) find(r *http.Request) *File {
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
	if first, _, _ := strings.Cut(name, "/"); first == "api" || first == "admin" || name == "readyz" || strings.HasPrefix(name, assets) ||
		strings.Contains(path.Base(asked), ".") {
		return nil
	}
	return h.index
}

// notBuilt stands in for the page in a binary that was built without it.
const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Carteiro</title>
<h1>Carteiro</h1>
<p>The server runs, and its API answers under <code>/api/v1</code> (<a href="/openapi.yaml">openapi.yaml</a>).
The <a href="/docs/">documentation</a> says more.
<p>The dashboard is not in this binary: it was built without the page. With Node installed,
<code>make build</code> builds both; released binaries have it.
<p lang="pt-BR">O servidor está no ar, e a API responde em <code>/api/v1</code>; veja a
<a href="/docs/pt-BR/">documentação</a>. O painel não está neste binário:
com o Node instalado, <code>make build</code> o inclui.
`
