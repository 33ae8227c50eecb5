package docs

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/carteiro/carteiro/api"
	pages "github.com/carteiro/carteiro/docs"
)

// once makes the site for all tests, none of which changes it.
var once = sync.OnceValues(func() (Site, error) { return Build(pages.Pages, api.OpenAPI) })

// built is the site as it is.
func built(t *testing.T) Site {
	t.Helper()
	site, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return site
}

var (
	hrefs = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	ids   = regexp.MustCompile(` id="([^"]*)"`)
)

// deadLinks gives the links of the site's pages that lead to no file of it, or to no place in one.
func deadLinks(site Site) (dead []string) {
	for name, content := range site {
		if path.Ext(name) != ".html" {
			continue
		}
		for _, found := range hrefs.FindAllSubmatch(content, -1) {
			to := string(found[1])
			if strings.Contains(to, ":") {
				continue
			}
			file, fragment, _ := strings.Cut(to, "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			page, is := site[target]
			if !is || fragment != "" && !hasPlace(page, fragment) {
				dead = append(dead, name+": "+to)
			}
		}
	}
	return dead
}

func hasPlace(page []byte, id string) bool {
	for _, found := range ids.FindAllSubmatch(page, -1) {
		if unescaped(string(found[1])) == unescaped(id) {
			return true
		}
	}
	return false
}

// unescaped is an id as it is meant, out of the address of a link.
func unescaped(id string) string {
	if plain, err := url.PathUnescape(id); err == nil {
		return plain
	}
	return id
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, dead := range deadLinks(built(t)) {
		t.Error(dead)
	}
}

func TestDeadLinksAreFound(t *testing.T) {
	site := Site{
		"a.html":   []byte(`<h2 id="one">x</h2><a href="b/c.html">x</a> <a href="#one">x</a> <a href="https://example.com/x#y">x</a>`),
		"b/c.html": []byte(`<a href="../a.html#two">x</a> <img src="../d.png">`),
	}
	if dead := deadLinks(site); len(dead) != 2 {
		t.Errorf("%q", dead)
	}
}

// What is promised in the table of contents is there, in both languages where that is promised, with as many sections.
func TestEveryPagePromisedIsThere(t *testing.T) {
	site := built(t)
	for _, section := range contents {
		for _, entry := range section.entries {
			if site[entry.file] == nil {
				t.Errorf("%s is in the table of contents and not in docs/", entry.file)
			}
			translated := site[inLanguage(entry.file, portuguese)]
			if entry.both != (translated != nil) {
				t.Errorf("%s: promised in Portuguese %v, there %v", entry.file, entry.both, translated != nil)
			}
		}
	}
	for _, file := range []string{"quick-start.md", "concepts.md", "scaling.md", "security.md", "limits.md", "troubleshooting.md", "comparison.md"} {
		if en, pt := headings(site[file]), headings(site[inLanguage(file, portuguese)]); en != pt {
			t.Errorf("%s has %d headings in English and %d in Portuguese", file, en, pt)
		}
	}
}

func headings(markdown []byte) int { return strings.Count("\n"+string(markdown), "\n#") }

// Every call of the document has its place in the reference.
func TestTheReferenceKnowsEveryPath(t *testing.T) {
	index := string(built(t)["reference/README.md"])
	paths := regexp.MustCompile(`(?m)^  (/\S+):$`).FindAllSubmatch(api.OpenAPI, -1)
	if len(paths) < 20 {
		t.Fatalf("%d paths in the document", len(paths))
	}
	for _, path := range paths {
		if !strings.Contains(index, string(path[1])+"`") {
			t.Errorf("%s is not in the reference", path[1])
		}
	}
}

// A page longer than this is two. Generated ones, which begin with a comment that says so, are as long as they are.
func TestPagesCanBeRead(t *testing.T) {
	for name, content := range built(t) {
		if path.Ext(name) != ".md" || strings.HasPrefix(string(content), "<!--") {
			continue
		}
		if lines := strings.Count(string(content), "\n"); lines > 320 {
			t.Errorf("%s has %d lines", name, lines)
		}
		if !strings.HasPrefix(string(content), "# ") {
			t.Errorf("%s does not begin with its title", name)
		}
	}
}

func TestHandler(t *testing.T) {
	rest := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	handler := Handler(pages.Pages, api.OpenAPI, nil, rest)
	for _, test := range []struct {
		method, path string
		status       int
		kind, holds  string
	}{
		{"GET", "/docs/", 200, "text/html; charset=utf-8", `<html lang="en">`},
		{"GET", "/docs/quick-start.html", 200, "text/html; charset=utf-8", `aria-current="page"`},
		{"GET", "/docs/quick-start", 200, "text/html; charset=utf-8", "<h1"},
		{"GET", "/docs/quick-start.md", 200, "text/markdown; charset=utf-8", "# Quick start\n"},
		{"GET", "/docs/pt-BR/", 200, "text/html; charset=utf-8", `<html lang="pt-BR">`},
		{"GET", "/docs/pt-BR/security.html", 200, "text/html; charset=utf-8", `id="proteções"`},
		{"GET", "/docs/reference/", 200, "text/html; charset=utf-8", "POST /api/v1/agents/{agent_id}/webhooks"},
		{"GET", "/docs/openapi.yaml", 200, "application/yaml", "openapi: 3.1.0"},
		{"GET", "/docs/style.css", 200, "text/css; charset=utf-8", "light-dark"},
		{"GET", "/docs/images/overview.png", 200, "image/png", ""},
		{"HEAD", "/docs/concepts.html", 200, "text/html; charset=utf-8", ""},
		{"GET", "/docs", 301, "", ""},
		{"GET", "/llms.txt", 200, "text/plain; charset=utf-8", "](/docs/concepts.md)"},
		{"GET", "/docs/llms.txt", 200, "text/plain; charset=utf-8", "](concepts.md)"},
		{"GET", "/docs/nothing.html", 404, "", ""},
		{"GET", "/docs/../imports_test.go", 404, "", ""},
		{"GET", "/docs/docs.go", 404, "", ""},
		{"POST", "/docs/concepts.html", 405, "", ""},
		{"GET", "/docsy", 418, "", ""},
		{"GET", "/api/v1/health", 418, "", ""},
		{"POST", "/api/v1/events/batch", 418, "", ""},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
		if w.Code != test.status || test.kind != "" && w.Header().Get("Content-Type") != test.kind ||
			!strings.Contains(w.Body.String(), test.holds) {
			t.Errorf("%s %s: %d %s", test.method, test.path, w.Code, w.Header().Get("Content-Type"))
		}
		if test.status == 200 && !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s %s: no policy", test.method, test.path)
		}
	}
}

// The policy forbids it, so a page must not need it.
func TestPagesNeedNothingInlineAndNothingFromElsewhere(t *testing.T) {
	needs := regexp.MustCompile(`<(script|style|iframe)|<[^>]* (style|on[a-z]+)=|(src|rel="stylesheet" href)="[a-z]*:?//`)
	for name, content := range built(t) {
		if path.Ext(name) == ".html" {
			for _, found := range needs.FindAll(content, -1) {
				t.Errorf("%s: %s", name, found)
			}
		}
	}
}

func TestWriteMakesAFolderOfItAndPoursOverNothing(t *testing.T) {
	site, to := built(t), filepath.Join(t.TempDir(), "a", "site")
	if err := site.Write(to); err != nil {
		t.Fatal(err)
	}
	for name, content := range site {
		if got, err := os.ReadFile(filepath.Join(to, filepath.FromSlash(name))); err != nil || string(got) != string(content) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := site.Write(to); err == nil {
		t.Error("written twice")
	}
}

// Who lands a page later need not touch the table: it is found, and stands at the end.
func TestAPageThatTheTableDoesNotNameStandsUnderMore(t *testing.T) {
	site, err := Build(fstest.MapFS{"new.md": {Data: []byte("# What is new\n")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"new.html", "llms.txt"} {
		if !strings.Contains(string(site[file]), "What is new") {
			t.Errorf("not in %s", file)
		}
	}
}
