package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// request is one request with what was found out about it on its way to the handler.
type request struct {
	*http.Request
	s           *server
	w           http.ResponseWriter
	id          string
	begun       time.Time
	status      int // of the answer, once written
	token       carteiro.Token
	environment carteiro.ID    // that the token opens
	admin       bool           // it bears the admin token
	account     budget.Account // the memory that it holds
	reserved    int64          // of that, for what the response is made of; see holding
	denied      error          // why it opens none, where that is no reason not to let the request in
}

// route is one method of one path.
type route struct {
	s      *server
	access access
	endpoint
	// answered is told of each answer.
	answered func(status int, took time.Duration)
}

// ServeHTTP implements http.Handler: it names the request, lets it in, has it answered, and answers for what fails.
func (rt *route) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r := &request{Request: hr, s: rt.s, w: w, begun: time.Now()}
	r.id = r.name()
	w.Header()["X-Request-Id"] = []string{r.id}
	defer rt.told(r)
	defer func() { r.account.Close() }()
	defer r.recoverPanic()
	err := r.authorize(rt)
	r.account = r.s.Memory.Open(r.environment)
	if err == nil {
		err = rt.do(r)
	}
	if err != nil {
		r.fail(err)
	}
	r.log()
}

// told tells the observer what was answered, whatever happened.
func (rt *route) told(r *request) {
	rt.answered(r.status, time.Since(r.begun))
	if rt.access == publishing && r.status != http.StatusAccepted {
		r.s.Observer.Rejected(r.status, 1)
	}
}

// name gives the caller's own name of the request, if it is one to put into a log, or a new one.
func (r *request) name() string {
	const most = 128
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > most {
		return r.s.IDs.New(r.begun).String()
	}
	for i := range len(id) {
		switch c := id[i]; {
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z', c == '.', c == '_', c == '-':
		default:
			return r.s.IDs.New(r.begun).String()
		}
	}
	return id
}

// traceParent is the caller's trace context; empty when there is none to be understood, which W3C says to ignore.
func (r *request) traceParent() string {
	if values := r.Header["Traceparent"]; len(values) == 1 && carteiro.ValidTraceParent(values[0]) {
		return values[0]
	}
	return ""
}

// authorize finds out who asks, counts the request, and lets it in or not.
func (r *request) authorize(rt *route) error {
	if rt.access == open {
		return nil
	}
	if rt.access == admin {
		return r.authorizeAdmin()
	}
	token, err := r.identify()
	who := caller{environment: token.EnvironmentID}
	switch {
	case err != nil:
		who = r.isUnknownPeer()
	case !r.namesEnvironment(token.EnvironmentID) && !rt.signsIn(r):
		err = errEnvironmentMismatch
	case rt.needs != noScope && !token.Scopes.Allow(rt.needs):
		err = lacksScope(rt.needs, token.Scopes)
	}
	spend := rt.access != publishing || err != nil
	wait := r.s.limiter.admit(r.w.Header(), who, spend, r.begun)
	switch {
	case rt.access == anyone:
		return nil // there is nothing here to keep anyone from
	case wait > 0:
		r.s.Observer.RateLimited()
		return rateLimited(wait)
	}
	r.token, r.environment = token, token.EnvironmentID
	if rt.access == signing && !errors.Is(err, errEnvironmentMismatch) {
		r.denied = err
		return nil
	}
	return err
}

// signsIn reports whether the request begins a session: the environment that it names is that of the token in its body, whatever
// the cookie of the session before opens.
func (rt *route) signsIn(r *request) bool {
	return rt.access == signing && r.Method == http.MethodPost
}

// authorizeAdmin authorizes the operator. Failures are counted for their address and cannot use up the operator's own limit.
func (r *request) authorizeAdmin() error {
	err := r.identifyAdmin()
	who := caller{operator: true}
	if err != nil {
		who = r.isUnknownPeer()
	}
	if wait := r.s.limiter.admit(r.w.Header(), who, true, r.begun); wait > 0 {
		r.s.Observer.RateLimited()
		return rateLimited(wait)
	}
	return err
}

// fail answers for an error.
func (r *request) fail(err error) {
	f, internal := failureOf(err, r.id)
	if internal {
		r.s.Logger.LogAttrs(r.Context(), slog.LevelError, "request failed", append(r.attributes(), slog.Any("error", err))...)
	}
	for name, value := range f.header {
		r.w.Header()[name] = []string{value}
	}
	r.write(f.status, f.body)
}

// recoverPanic answers for a panic, as long as nothing was written.
func (r *request) recoverPanic() {
	p := recover()
	switch p {
	case nil:
		return
	case http.ErrAbortHandler: // net/http's own way to hang up
		panic(p)
	}
	r.s.Logger.LogAttrs(r.Context(), slog.LevelError, "request panicked",
		append(r.attributes(), slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))...)
	if r.status == 0 {
		f, _ := failureOf(errPanicked, r.id)
		r.write(f.status, f.body)
	}
}

var errPanicked = errors.New("a handler panicked")

func (r *request) attributes() []slog.Attr {
	return []slog.Attr{
		slog.String("request_id", r.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
	}
}

func (r *request) log() {
	if !r.s.Logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	r.s.Logger.LogAttrs(r.Context(), slog.LevelDebug, "request",
		append(r.attributes(), slog.Int("status", r.status), slog.Duration("took", time.Since(r.begun)))...)
}

// logAccepted ties an event to the request that brought it.
func (r *request) logAccepted(a publish.Accepted) {
	if r.s.Logger.Enabled(context.Background(), slog.LevelDebug) {
		r.s.Logger.LogAttrs(r.Context(), slog.LevelDebug, "event accepted", slog.String("request_id", r.id),
			slog.String("event_id", a.EventID.String()), slog.Int("deliveries", a.Deliveries))
	}
}

// readBody reads the whole body, at most limit bytes, into buffer, which it may replace by a larger one.
func (r *request) readBody(buffer []byte, limit int) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return buffer, bodyTooLarge(limit)
	}
	b := buffer[:0]
	expected := int(r.ContentLength)
	if err := r.charge(expected); err != nil {
		return buffer, err
	}
	if expected >= cap(b) {
		b = make([]byte, 0, expected+1) // one more, to see the end of the body in the same read
	}
	for {
		if len(b) == cap(b) {
			if err := r.charge(cap(b)); err != nil {
				return b, err
			}
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Body.Read(b[len(b):min(cap(b), limit+1)])
		b = b[:len(b)+n]
		switch {
		case len(b) > limit:
			return b, bodyTooLarge(limit)
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, errInvalidJSON // it broke off
		}
	}
}

// freeBytes is how large a body may be that is not charged to the memory budget: connections are limited, too, and most
// requests are small.
const freeBytes = 16 << 10

// charge reserves memory for n bytes of a body.
func (r *request) charge(n int) error {
	if n <= freeBytes {
		return nil
	}
	return refusedMemory(r.account.Grow(int64(n)))
}

// patience is how long a request waits for memory before it is refused.
const patience = 5 * time.Second

// holding returns a handler that reserves n bytes before do reads anything: what a large response is made of. When it is made, only
// what the client still has to read stays reserved.
func holding(n int64, do handler) handler {
	return func(r *request) error {
		if err := r.reserve(n); err != nil {
			return err
		}
		return do(r)
	}
}

// reserve reserves n bytes, and waits for them as long as patience.
func (r *request) reserve(n int64) error {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	before := r.account.Held()
	if err := r.account.Wait(ctx, n); err != nil {
		if err := refusedMemory(r.account.Grow(n)); err != nil {
			return err
		}
	}
	r.reserved += r.account.Held() - before // at most a share
	return nil
}

// keep reduces what is reserved to n bytes.
func (r *request) keep(n int) {
	r.account.Shrink(r.reserved - int64(n))
	r.reserved = min(r.reserved, int64(n))
}

// refusedMemory turns a refusal of the memory budget into a response; nil stays nil.
func refusedMemory(err error) error {
	switch {
	case errors.Is(err, budget.ErrShare):
		return rateLimited(time.Second)
	case errors.Is(err, budget.ErrFull):
		return errBusy
	default:
		return err
	}
}

// pathID reads an id of the path; one that is no UUID names nothing.
func (r *request) pathID(name string, notFound *failure) (carteiro.ID, error) {
	id, err := carteiro.ParseID(r.PathValue(name))
	if err != nil || id.IsZero() {
		return carteiro.ID{}, notFound
	}
	return id, nil
}

// ownerRef names the agent or campaign of the path, whether there is one or not, or the caller's environment.
func (r *request) ownerRef(k *ownerRoutes) (store.OwnerRef, error) {
	if k.owner == carteiro.OwnerEnvironment {
		return store.OwnerRef{EnvironmentID: r.environment, Kind: k.owner, ID: r.environment}, nil
	}
	id, err := r.pathID(pathOwner, k.notFound)
	return store.OwnerRef{EnvironmentID: r.environment, Kind: k.owner, ID: id}, err
}

// owner reads the agent or campaign of the path, or the caller's environment.
func (r *request) owner(k *ownerRoutes) (store.OwnerRef, carteiro.Owner, error) {
	ref, err := r.ownerRef(k)
	if err != nil {
		return ref, carteiro.Owner{}, err
	}
	owner, err := r.s.Store.GetOwner(r.Context(), ref)
	return ref, owner, missing(err, k.notFound)
}

// webhookPlace is where a request is in the tree of what there is.
type webhookPlace struct {
	ref     store.OwnerRef
	owner   carteiro.Owner
	webhook *carteiro.Webhook
}

// webhook reads the webhook of the path.
func (r *request) webhook(k *ownerRoutes) (webhookPlace, error) {
	return r.find(k, r.s.Directory.OwnWebhook)
}

// webhookWithLogs reads the webhook of the path even if it is deleted: its logs stay readable.
func (r *request) webhookWithLogs(k *ownerRoutes) (webhookPlace, error) {
	return r.find(k, r.s.Directory.PastOrPresentWebhook)
}

func (r *request) find(k *ownerRoutes, read func(context.Context, store.OwnerRef, carteiro.ID) (*carteiro.Webhook, error)) (p webhookPlace, err error) {
	if p.ref, p.owner, err = r.owner(k); err != nil {
		return p, err
	}
	id, err := r.pathID(pathWebhook, errWebhookNotFound)
	if err != nil {
		return p, err
	}
	p.webhook, err = read(r.Context(), p.ref, id)
	return p, missing(err, errWebhookNotFound)
}
