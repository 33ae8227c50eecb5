package dashboard_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/carteiro/carteiro/api"
	"github.com/carteiro/carteiro/internal/dashboard"
)

const index = `<!doctype html><title>Carteiro</title><script type="module" src="/assets/index-abc.js"></script>`

var script = strings.Repeat("console.log('carteiro');\n", 100)

// page is one as it is built.
var page = fstest.MapFS{
	"index.html":           {Data: []byte(index)},
	"assets/index-abc.js":  {Data: []byte(script)},
	"assets/style-def.css": {Data: []byte("body{}")},
	"favicon.svg":          {Data: []byte("<svg/>")},
	".placeholder":         {},
}

func serve(t *testing.T, files fstest.MapFS) http.Handler {
	t.Helper()
	h, err := dashboard.New(files, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, "rest: %s %s", r.Method, r.URL.Path)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestThePageIsServedForEveryPathOfItsOwnAndTheRestIsLeftToTheAPI(t *testing.T) {
	h := serve(t, page)
	for path, want := range map[string]string{
		"/": index, "/webhooks": index, "/agents/01990e54-9d6b-7f00-8f63-3c1f0a5d7b21/webhooks/x?status=failed": index, "/sign-in/": index, "/apiary": index, "/administration": index,
		"/index.html": index, "/assets/index-abc.js": script, "/favicon.svg": "<svg/>",
		"/api": "rest: GET /api", "/admin": "rest: GET /admin", "/api/v1/agents": "rest: GET /api/v1/agents", "/readyz": "rest: GET /readyz", "/openapi.yaml": "rest: GET /openapi.yaml",
		"/assets/gone.js": "rest: GET /assets/gone.js", "/assets/": "rest: GET /assets/", "/robots.txt": "rest: GET /robots.txt",
		"/.placeholder": "rest: GET /.placeholder", "/a/../b": "rest: GET /a/../b", "/../secret": "rest: GET /../secret",
	} {
		if got := ask(h, "GET", path).Body.String(); got != want {
			t.Errorf("%s gives %q, want %q", path, got, want)
		}
	}
	if got := ask(h, "POST", "/").Body.String(); got != "rest: POST /" {
		t.Errorf("POST gives %q", got)
	}
	if got := ask(h, "HEAD", "/"); got.Code != 200 || got.Body.Len() > 0 {
		t.Errorf("HEAD gives %d %q", got.Code, got.Body)
	}
}

// What the API answers, the page must not: whoever asks for it gets HTML that no program reads.
func TestNoPathOfTheAPIIsThePages(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	h := serve(t, page)
	for path, item := range doc.Paths.Map() {
		if len(item.Servers) == 0 {
			path = "/api/v1" + path
		}
		if got := ask(h, "GET", path).Body.String(); got != "rest: GET "+path {
			t.Errorf("%s is answered by the page", path)
		}
	}
}

func TestBrowsersAreHeldToStrictRules(t *testing.T) {
	h := serve(t, page)
	for _, path := range []string{"/", "/assets/index-abc.js", "/favicon.svg"} {
		header := ask(h, "GET", path).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy+";", want+";") {
				t.Errorf("%s: the policy %q lacks %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy lets in too much: %s", path, policy)
		}
	}
}

func TestWhatIsNamedByItsContentIsKeptForEverAndTheRestAskedForAgain(t *testing.T) {
	h := serve(t, page)
	for path, want := range map[string]string{
		"/assets/style-def.css": "public, max-age=31536000, immutable", "/": "no-cache", "/favicon.svg": "no-cache", "/agents": "no-cache",
	} {
		first := ask(h, "GET", path)
		if got := first.Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: %s", path, got)
		}
		if again := ask(h, "GET", path, "If-None-Match", first.Header().Get("Etag")); again.Code != http.StatusNotModified {
			t.Errorf("%s is given again: %d", path, again.Code)
		}
		if other := ask(h, "GET", path, "If-None-Match", `"x"`); other.Code != http.StatusOK {
			t.Errorf("%s is not given: %d", path, other.Code)
		}
	}
	for path, want := range map[string]string{"/": "text/html; charset=utf-8", "/assets/index-abc.js": "text/javascript; charset=utf-8", "/favicon.svg": "image/svg+xml"} {
		if got := ask(h, "GET", path).Header().Get("Content-Type"); got != want {
			t.Errorf("%s is %s", path, got)
		}
	}
}

func TestWhatGetsSmallerIsZippedForThoseWhoTakeIt(t *testing.T) {
	h := serve(t, page)
	plain := ask(h, "GET", "/assets/index-abc.js", "Accept-Encoding", "br, gzip;q=0")
	zipped := ask(h, "GET", "/assets/index-abc.js", "Accept-Encoding", "br, gzip;q=0.8")
	if plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Content-Encoding") != "gzip" ||
		zipped.Header().Get("Vary") != "Accept-Encoding" || plain.Header().Get("Etag") == zipped.Header().Get("Etag") || zipped.Body.Len() >= len(script)/2 {
		t.Errorf("plain %v, zipped %v, %d bytes", plain.Header(), zipped.Header(), zipped.Body.Len())
	}
	r, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != script {
		t.Errorf("unzipped %q, %v", got, err)
	}
	if got := ask(h, "GET", "/assets/style-def.css", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"); got != "" {
		t.Errorf("what is small is %s", got)
	}
}

func TestABinaryWithoutThePageSaysHowToGetIt(t *testing.T) {
	h := serve(t, fstest.MapFS{".placeholder": {}})
	got := ask(h, "GET", "/agents")
	if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "make build") || got.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
