package api

import (
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/payload"
)

// Names of the ids in paths.
const (
	pathOwner   = "owner_id"
	pathWebhook = "webhook_id"
	pathLog     = "log_id"
	pathBulk    = "retry_id"
	pathEvent   = "event_id"
)

// methods are the endpoints of one path. GET also answers HEAD.
type methods map[string]endpoint

// endpoint is a method of a path: the scopes that a token needs, all of them, to call it, and what answers. Both are written in every
// row of the table below, or it does not compile.
type endpoint struct {
	needs carteiro.Scopes
	do    handler
}

// What an endpoint needs, in short.
const (
	noScope   carteiro.Scopes = 0 // where no token is asked for, or any will do
	toRead                    = carteiro.ScopeRead
	toManage                  = carteiro.ScopeWebhooks
	toPublish                 = carteiro.ScopePublish
	toRetry                   = carteiro.ScopeRetry
)

// handler answers a request, or says why not with a [failure], [faults], or another error, which is our own fault.
type handler func(r *request) error

// access is who may call a route and how that is counted.
type access int

const (
	open       access = iota // anyone; not counted
	anyone                   // anyone; counted all the same, as what there is no route for
	token                    // whoever has a token with the scope
	publishing               // whoever has a token with the scope; not counted
	signing                  // anyone, within the limit: with a session, for one, or to end one
	admin                    // whoever has the admin token
)

// What is reserved for handlers that read something large, in bytes.
const (
	// settingsCopies is how often a webhook's settings are held while they are read and shown.
	settingsCopies = 4
	// changeBytes is for a change of a webhook: its settings before and after it, and their entry in the audit log.
	changeBytes = 8 * settingsBytes
	// auditBytes is for a part of the audit log, with settings before and after each change.
	auditBytes = auditPageSize * 2 * 2 * settingsBytes
)

// entryBytes is for an entry of the log or an event, whose bodies are held several times while they are read and shown.
func (s *server) entryBytes() int64 {
	return shownFactor * int64(max(payload.MaxRenderedBytes, s.MaxPayload)+maxEnvelope)
}

// base is what the paths of the API begin with.
const base = "/api/v1"

// boundHeads makes what answers requests whose head is more than there is room for.
func (s *server) boundHeads() {
	s.urlTooLong = s.route("any", base+"/", anyone, endpoint{noScope, func(*request) error { return errURLTooLong }})
	s.headersTooLarge = s.route("any", base+"/", anyone, endpoint{noScope, func(*request) error { return errHeadersTooLarge }})
}

func (s *server) routes() {
	noRoute := func(*request) error { return errNoRoute }
	s.nowhere = s.route("any", "/", open, endpoint{noScope, noRoute})
	s.nowhereInAPI = s.route("any", base+"/", anyone, endpoint{noScope, noRoute})
	s.handle("/", open, nil)
	s.handle("/readyz", open, methods{"GET": {noScope, s.ready}})
	s.handle("/openapi.yaml", open, methods{"GET": {noScope, s.document}})
	s.root(base)
	s.handle(base+"/health", open, methods{"GET": {noScope, s.health}})
	s.handle(base+"/overview", token, methods{"GET": {toRead, s.overview}})
	s.handle(base+"/webhooks", token, methods{"GET": {toRead, holding(foundPageSize*settingsCopies*settingsBytes, s.findWebhooks)}})
	s.handle(base+"/session", signing, methods{"GET": {noScope, s.getSession}, "POST": {noScope, s.signIn}, "DELETE": {noScope, s.signOut}})
	s.handle(base+"/events", token, methods{"GET": {toRead, s.listEvents}})
	s.handle(base+"/events/{"+pathEvent+"}", token, methods{"GET": {toRead, holding(s.entryBytes(), s.getEvent)}})
	s.handle(base+"/events/batch", publishing, methods{"POST": {toPublish, s.publishBatch}})
	s.handle(base+"/cloudevents", publishing, methods{"POST": {toPublish, s.publishCloudEvents}})
	s.handle(base+"/audit", token, methods{"GET": {toRead, holding(auditBytes, s.listAudit)}})
	for _, k := range []*ownerRoutes{s.agents, s.campaigns} {
		s.ownerRoutes(k)
		s.webhookRoutes(k)
	}
	s.webhookRoutes(s.environment)
}

// on gives what answers for a kind of owner.
func on(k *ownerRoutes, do func(*request, *ownerRoutes) error) handler {
	return func(r *request) error { return do(r, k) }
}

// ownerRoutes are the calls on what callers register themselves, and publish events of.
func (s *server) ownerRoutes(k *ownerRoutes) {
	one := base + k.path
	s.handle(path.Dir(one), token, methods{"GET": {toRead, on(k, s.listOwners)}, "POST": {toManage, on(k, s.createOwner)}})
	s.handle(one, token, methods{
		"GET": {toRead, on(k, s.getOwner)}, "PUT": {toManage, on(k, s.putOwner)}, "DELETE": {toManage, on(k, s.deleteOwner)},
	})
	s.handle(one+"/events", publishing, methods{"POST": {toPublish, on(k, s.publishEvent)}})
}

func (s *server) webhookRoutes(k *ownerRoutes) {
	on := func(do func(*request, *ownerRoutes) error) handler { return on(k, do) }
	test := on(s.testNow)
	if k == s.campaigns {
		test = on(s.testLater)
	}
	all := base + k.path + "/webhooks"
	webhook := all + "/{" + pathWebhook + "}"
	log := webhook + "/logs/{" + pathLog + "}"
	s.handle(all, token, methods{"GET": {toRead, holding(s.listBytes(), on(s.listWebhooks))}, "POST": {toManage, holding(changeBytes, on(s.createWebhook))}})
	s.handle(webhook, token, methods{
		"GET": {toRead, holding(settingsCopies*settingsBytes, on(s.getWebhook))}, "PUT": {toManage, holding(changeBytes, on(s.updateWebhook))},
		"DELETE": {toManage, holding(changeBytes, on(s.deleteWebhook))},
	})
	s.handle(webhook+"/toggle", token, methods{"PATCH": {toManage, holding(changeBytes, on(s.toggleWebhook))}})
	s.handle(webhook+"/secret/rotate", token, methods{"POST": {toManage, holding(changeBytes, on(s.rotateSecret))}})
	s.handle(webhook+"/test", token, methods{"POST": {toManage, holding(s.entryBytes(), test)}})
	s.handle(webhook+"/logs", token, methods{"GET": {toRead, on(s.listLogs)}})
	s.handle(log, token, methods{"GET": {toRead, holding(s.entryBytes(), on(s.getLog))}})
	s.handle(webhook+"/logs/retry", token, methods{"POST": {toRetry, on(s.retryLogs)}})
	s.handle(webhook+"/logs/stream", token, methods{"GET": {toRead, on(s.streamLogs)}})
	s.handle(webhook+"/deliveries/stream", token, methods{"GET": {listenScopes, on(s.streamDeliveries)}})
	s.handle(webhook+"/replay", token, methods{"POST": {toRetry, on(s.replayEvents)}})
	s.handle(webhook+"/retries", token, methods{"GET": {toRead, on(s.listBulk)}})
	s.handle(webhook+"/retries/{"+pathBulk+"}", token, methods{
		"GET": {toRead, on(s.getBulk)}, "PATCH": {toRetry, on(s.pauseBulk)}, "DELETE": {toRetry, on(s.cancelBulk)},
	})
	s.handle(log+"/preview", token, methods{"GET": {toRead, holding(2*s.entryBytes(), on(s.previewRetry))}})
	s.handle(log+"/retry", token, methods{"POST": {toRetry, holding(s.entryBytes(), on(s.retryLog))}})
}

// root has all answered 404 at and below a path that is no route. Without the first line the mux would redirect to the
// second, with a page in HTML.
func (s *server) root(path string) {
	s.handle(path, anyone, nil)
	s.handle(path+"/", anyone, nil)
}

// handle puts a path on the mux, and what answers its other methods. A path without any is answered with 404.
func (s *server) handle(path string, a access, m methods) {
	if m == nil {
		s.mux.Handle(path, s.route("any", path, a, endpoint{noScope, func(*request) error { return errNoRoute }}))
		return
	}
	p := &resource{routes: make(map[string]*route, len(m)+1)}
	for method, e := range m {
		p.routes[method] = s.route(method, path, a, e)
		if method == http.MethodGet {
			p.routes[http.MethodHead] = p.routes[method]
		}
	}
	wrongMethod := methodNotAllowed(strings.Join(slices.Sorted(maps.Keys(p.routes)), ", "))
	if a != open {
		a = anyone
	}
	p.others = s.route("other", path, a, endpoint{noScope, func(*request) error { return wrongMethod }})
	s.mux.Handle(path, p)
}

// route panics when a path that asks for a token does not say which scopes that needs, or the other way round.
func (s *server) route(method, path string, a access, e endpoint) *route {
	if (a == token || a == publishing) != (e.needs != noScope) {
		panic(fmt.Sprintf("%s %s: who may call it and the scopes that it needs do not go together", method, path))
	}
	return &route{s: s, access: a, endpoint: e, answered: s.Observer.Route(method, path)}
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
	if len(r.RequestURI) > MaxURL {
		s.urlTooLong.ServeHTTP(w, r)
		return
	}
	if sizeOf(r.Header) > MaxHeaders {
		s.headersTooLarge.ServeHTTP(w, r)
		return
	}
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

// sizeOf is how large headers are, in bytes.
func sizeOf(h http.Header) (size int) {
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

func isClean(asked string) bool {
	clean := path.Clean(asked)
	return clean[0] == '/' && (clean == asked || clean == strings.TrimSuffix(asked, "/"))
}
