package api

import (
	"maps"
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
	pathBulk    = "retry_id"
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
	signing                  // anyone, within the limit: with a session, for one, or to end one
)

// base is what the paths of the API begin with.
const base = "/api/v1"

// Publishes says whether a request puts events in, by its method and path. Those are the calls that come by the thousand;
// their handlers need no context and answer with one body.
func Publishes(method, path string) bool {
	return method == http.MethodPost && strings.HasPrefix(path, base+"/") &&
		(strings.HasSuffix(path, "/events") || path == base+"/events/batch" || path == base+"/cloudevents")
}

func (s *server) routes() {
	noRoute := func(*request) error { return errNoRoute }
	s.nowhere = s.route("any", "/", open, noRoute)
	s.nowhereInAPI = s.route("any", base+"/", anyone, noRoute)
	s.handle("/", open, nil)
	s.handle("/readyz", open, methods{"GET": s.ready})
	s.handle("/openapi.yaml", open, methods{"GET": s.document})
	s.handle(base+"/", anyone, nil)
	s.handle(base+"/health", open, methods{"GET": s.health})
	s.handle(base+"/overview", token, methods{"GET": s.overview})
	s.handle(base+"/webhooks", token, methods{"GET": s.findWebhooks})
	s.handle(base+"/session", signing, methods{"GET": s.getSession, "POST": s.signIn, "DELETE": s.signOut})
	s.handle(base+"/events/batch", publishing, methods{"POST": s.publishBatch})
	s.handle(base+"/cloudevents", publishing, methods{"POST": s.publishCloudEvents})
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
		s.handle(webhook+"/logs/retry", token, methods{"POST": on(s.retryLogs)})
		s.handle(webhook+"/logs/stream", token, methods{"GET": on(s.streamLogs)})
		s.handle(webhook+"/deliveries/stream", token, methods{"GET": on(s.streamDeliveries)})
		s.handle(webhook+"/retries", token, methods{"GET": on(s.listBulk)})
		s.handle(webhook+"/retries/{"+pathBulk+"}", token, methods{
			"GET": on(s.getBulk), "PATCH": on(s.pauseBulk), "DELETE": on(s.cancelBulk),
		})
		s.handle(log+"/preview", token, methods{"GET": on(s.previewRetry)})
		s.handle(log+"/retry", token, methods{"POST": on(s.retryLog)})
	}
}

// handle puts a path on the mux, and what answers its other methods. A path without any is answered with 404.
func (s *server) handle(path string, a access, m methods) {
	if m == nil {
		s.mux.Handle(path, s.route("any", path, a, func(*request) error { return errNoRoute }))
		return
	}
	p := &resource{routes: make(map[string]*route, len(m)+1)}
	for method, do := range m {
		p.routes[method] = s.route(method, path, a, do)
		if method == http.MethodGet {
			p.routes[http.MethodHead] = p.routes[method]
		}
	}
	wrongMethod := methodNotAllowed(strings.Join(slices.Sorted(maps.Keys(p.routes)), ", "))
	if a != open {
		a = anyone
	}
	p.others = s.route("other", path, a, func(*request) error { return wrongMethod })
	s.mux.Handle(path, p)
}

func (s *server) route(method, path string, a access, do handler) *route {
	return &route{s, a, do, s.Observer.Route(method, path)}
}

// resource is one path with its methods. The mux could tell methods apart as well, but then takes a path with a name in
// it and one with a wildcard in the same place, such as logs/retry and logs/{log_id}, for a conflict.
type resource struct {
	routes map[string]*route
	others *route
}

// ServeHTTP implements http.Handler.
func (p *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt := p.routes[r.Method]
	if rt == nil {
		rt = p.others
	}
	rt.ServeHTTP(w, r)
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The mux redirects to a cleaned path, with a page in HTML. No path of ours is unclean.
	if asked := r.URL.EscapedPath(); !isClean(asked) {
		nowhere := s.nowhere
		if strings.HasPrefix(asked, "/api/v1/") {
			nowhere = s.nowhereInAPI
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
