package docs

import (
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/carteiro/carteiro/internal/dashboard"
)

// under is where the site is served.
const under = "/docs/"

// Handler serves the site under /docs, and its llms.txt at the root too, and has rest answer everything else. The site is
// made when somebody first asks for it: most servers never are, and none starts later for it.
func Handler(files fs.FS, document []byte, logger *slog.Logger, rest http.Handler) http.Handler {
	served := sync.OnceValues(func() (map[string]*dashboard.File, error) {
		site, err := Build(files, document)
		served := make(map[string]*dashboard.File, len(site))
		for name, content := range site {
			served[under+name] = dashboard.NewFile(name, dashboard.CacheRevalidate, content)
		}
		if err == nil {
			served["/"+llmsName] = dashboard.NewFile(llmsName, dashboard.CacheRevalidate,
				[]byte(strings.ReplaceAll(string(site[llmsName]), "](", "]("+under)))
		}
		return served, err
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked := r.URL.Path; {
		case asked != "/docs" && asked != "/"+llmsName && !strings.HasPrefix(asked, under):
			rest.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		case asked == "/docs":
			http.Redirect(w, r, under, http.StatusMovedPermanently)
		default:
			pages, err := served()
			if err != nil {
				logger.Error("cannot make the documentation", "error", err)
				http.Error(w, "Internal server error", http.StatusInternalServerError)
				return
			}
			serve(w, r, pages)
		}
	})
}

// serve answers with the page that is asked for, which may be named without its extension.
func serve(w http.ResponseWriter, r *http.Request, pages map[string]*dashboard.File) {
	asked := r.URL.Path
	if strings.HasSuffix(asked, "/") {
		asked += "index.html"
	}
	switch {
	case pages[asked] != nil:
		pages[asked].ServeHTTP(w, r)
	case pages[asked+".html"] != nil:
		pages[asked+".html"].ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}
