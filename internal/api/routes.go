package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

// Names of the ids in paths.
const (
	pathOwner   = "owner_id"
	pathWebhook = "webhook_id"
	pathLog     = "log_id"
)

// methods are the handlers of one path. GET also answers HEAD.
type methods map[string]handler

// handler answers a request, or says why not with a [failure], [faults], or another error, which is our own fault.
type handler func(r *request) error

// access is who may call a route and how that is counted.
type access int

const (
	open       access = iota // anyone; not counted
	anyone                   // anyone; counted all the same, as what there is no route for
	token                    // whoever has a token
	publishing               // whoever has a token; not counted
)

// base is what the paths of the API begin with.
const base = "/api/v1"

// Publishes says whether a request puts events in, by its method and path. Those are the calls that come by the thousand;
// their handlers need no context and answer with one body.
func Publishes(method, path string) bool {
	return method == http.MethodPost && strings.HasPrefix(path, base+"/") &&
		(strings.HasSuffix(path, "/events") || path == base+"/events/batch")
}

func (s *server) routes() {
	s.handle("/", open, nil)
	s.handle("/readyz", open, methods{"GET": s.ready})
	s.handle("/openapi.yaml", open, methods{"GET": s.document})
	s.handle(base+"/", anyone, nil)
	s.handle(base+"/health", open, methods{"GET": s.health})
	s.handle(base+"/events/batch", publishing, methods{"POST": s.publishBatch})
	for _, k := range []*kind{s.agents, s.campaigns} {
		on := func(do func(*request, *kind) error) handler {
			return func(r *request) error { return do(r, k) }
		}
		test := on(s.testNow)
		if k == s.campaigns {
			test = on(s.testLater)
		}
		all := base + "/" + k.plural
		one := all + "/{" + pathOwner + "}"
		webhook := one + "/webhooks/{" + pathWebhook + "}"
		log := webhook + "/logs/{" + pathLog + "}"
		s.handle(all, token, methods{"GET": on(s.listOwners), "POST": on(s.createOwner)})
		s.handle(one, token, methods{"GET": on(s.getOwner), "PUT": on(s.putOwner), "DELETE": on(s.deleteOwner)})
		s.handle(one+"/events", publishing, methods{"POST": on(s.publishEvent)})
		s.handle(one+"/webhooks", token, methods{"GET": on(s.listWebhooks), "POST": on(s.createWebhook)})
		s.handle(webhook, token, methods{
			"GET": on(s.getWebhook), "PUT": on(s.updateWebhook), "DELETE": on(s.deleteWebhook),
		})
		s.handle(webhook+"/toggle", token, methods{"PATCH": on(s.toggleWebhook)})
		s.handle(webhook+"/test", token, methods{"POST": test})
		s.handle(webhook+"/logs", token, methods{"GET": on(s.listLogs)})
		s.handle(log, token, methods{"GET": on(s.getLog)})
		s.handle(log+"/retry", token, methods{"POST": on(s.retryLog)})
	}
}

// handle puts a path on the mux, and what answers its other methods. A path without any is answered with 404.
func (s *server) handle(path string, a access, m methods) {
	if m == nil {
		s.mux.Handle(path, &route{s, a, func(*request) error { return errNoRoute }})
		return
	}
	var allow []string
	for method, do := range m {
		s.mux.Handle(method+" "+path, &route{s, a, do})
		allow = append(allow, method)
		if method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	wrongMethod := methodNotAllowed(strings.Join(allow, ", "))
	if a != open {
		a = anyone
	}
	s.mux.Handle(path, &route{s, a, func(*request) error { return wrongMethod }})
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The mux redirects to a cleaned path, with a page in HTML. No path of ours is unclean.
	if asked := r.URL.EscapedPath(); !isClean(asked) {
		nowhere := &route{s, open, func(*request) error { return errNoRoute }}
		if strings.HasPrefix(asked, "/api/v1/") {
			nowhere.access = anyone
		}
		nowhere.ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func isClean(asked string) bool {
	clean := path.Clean(asked)
	return clean[0] == '/' && (clean == asked || clean == strings.TrimSuffix(asked, "/"))
}
