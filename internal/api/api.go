// Package api is the wire contract on HTTP: routes, tokens, decoding, validation wording, error bodies and pagination.
// It holds no rule of the business; those are publish's, directory's and the store's.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/tail"
)

// Bounds of request bodies, in bytes.
const (
	// maxBody bounds the body of an ordinary call.
	maxBody = 1 << 20
	// maxEnvelope is what a published event may hold beside its payload.
	maxEnvelope = 64 << 10
	// maxBatchBody bounds a batch as a whole.
	maxBatchBody = 64 << 20
)

// Bounds of what stands before a body, in bytes.
const (
	MaxURL     = 8 << 10  // path and query, as they were sent
	MaxHeaders = 32 << 10 // names and values
)

// Store is what the API reads of the store by itself; everything else goes through the directory and the publisher.
type Store interface {
	store.Logs
	store.Events
	GetOwner(ctx context.Context, ref store.OwnerRef) (carteiro.Owner, error)
	ListOwners(ctx context.Context, p store.ListOwners) (owners []carteiro.Owner, total int, err error)
	ListWebhooks(ctx context.Context, ref store.OwnerRef) ([]*carteiro.Webhook, error)
	FindWebhooks(ctx context.Context, p store.FindWebhooks) (found []store.FoundWebhook, total int, err error)
	Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) // to look at idempotency keys
	ListEnvironments(ctx context.Context) ([]carteiro.Environment, error)
	GetBulkRetry(ctx context.Context, ref store.BulkRef) (carteiro.BulkRetry, error)
	ListBulkRetries(ctx context.Context, p store.ListBulkRetries) (jobs []carteiro.BulkRetry, total int, err error)
	ListAudit(ctx context.Context, p store.ListAudit) (store.AuditPage, error)
	GetAudit(ctx context.Context, p store.GetAudit) ([]carteiro.AuditEntry, error)
	Ping(ctx context.Context) error
}

// Admin is what the operator's calls change. Changes to what the directory caches, such as a name or the end of a token, go
// through the directory.
type Admin interface {
	CreateEnvironment(ctx context.Context, p store.CreateEnvironment) error
	ListTokens(ctx context.Context, p store.ListTokens) (tokens []carteiro.Token, total int, err error)
	CreateToken(ctx context.Context, p store.CreateToken) error
}

// Publisher takes events in and opens the attempts that people ask for; see the methods of [publish.Publisher].
type Publisher interface {
	Publish(ctx context.Context, environment carteiro.ID, key *publish.Key, events []publish.Event) ([]publish.Result, error)
	Test(ctx context.Context, w *carteiro.Webhook, sample publish.Event, names publish.Names) (*carteiro.Outcome, error)
	TestLater(ctx context.Context, w *carteiro.Webhook, sample publish.Event, names publish.Names) error
	Retry(ctx context.Context, log store.LogRef, key *publish.Key, audit *carteiro.AuditEntry) (publish.Retried, error)
	PreviewRetry(ctx context.Context, log store.LogRef) (store.RetryPreview, error)
}

// Previewer builds the request that would be sent now; see send.Sender.
type Previewer interface {
	Preview(w *carteiro.Webhook, d *carteiro.Delivery, now time.Time) *carteiro.Outcome
}

// Observer is told what was answered; see metrics.Metrics. It may neither wait nor keep what it is given.
type Observer interface {
	// Route gives what is to be told of each answer of a route, by its method and the pattern of its path.
	Route(method, pattern string) func(status int, took time.Duration)
	// Rejected is told of events that were refused with a status.
	Rejected(status, events int)
	// RateLimited is told of each request that is turned away.
	RateLimited()
}

// noObserver is the observer where there is none.
type noObserver struct{}

func (noObserver) Route(_, _ string) func(int, time.Duration) { return func(int, time.Duration) {} }
func (noObserver) Rejected(_, _ int)                          {}
func (noObserver) RateLimited()                               {}

// Config is what the API is made of.
type Config struct {
	Directory *directory.Directory
	Store     Store
	Publisher Publisher
	Previewer Previewer
	Bulk      Bulk
	Tail      *tail.Hub
	Catalogue *carteiro.Catalogue
	IDs       *carteiro.IDSource
	Logger    *slog.Logger
	Observer  Observer // nil: nobody counts
	// Sending returns why this node cannot send deliveries at present, or nil. A nil function means that it always can.
	Sending func() error
	// ProxyDown reports whether this node holds deliveries because the egress proxy is unavailable. A nil function means never.
	ProxyDown func() bool
	// RateLimit is how many requests a minute each environment may make, and each address without a token; 0: any
	// number. Calls that publish do not count.
	RateLimit int
	// Memory limits what requests hold; nil: nothing does.
	Memory *budget.Budget
	// TrustedProxies are the networks of reverse proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// MaxPayload is how large an event's payload may be, in bytes; 0: [carteiro.DefaultMaxPayload].
	MaxPayload int
	// MaxWebhooks is how many webhooks an agent or campaign may have; 0: any number.
	MaxWebhooks int
	// AdminToken is the hash of the token that opens /admin/v1, which is no route where it is zero; Admin is what is changed
	// there, and needed with it.
	AdminToken carteiro.TokenHash
	Admin      Admin
	// Sessions lets people sign in, for the dashboard.
	Sessions bool
	// Version is the server's, for people.
	Version string
}

// server is the API at work.
type server struct {
	Config
	mux     *http.ServeMux
	limiter *limiter
	signIns *limiter
	// deliveryStreams are the streams of deliveries of each token.
	deliveryStreams *streamLimiter
	// crossOrigin tells requests that a page of another origin has a browser make.
	crossOrigin *http.CrossOriginProtection
	readiness   readiness
	// reads are the large reads of the store that go on; each counts as 1.
	reads       *budget.Budget
	guard       *egress.Guard
	agents      *ownerRoutes
	campaigns   *ownerRoutes
	environment *ownerRoutes // whose webhooks hear of what the server did
	// What answers unclean paths.
	nowhere, nowhereInAPI *route
	// What answers requests whose head is more than there is room for.
	urlTooLong, headersTooLarge *route
}

// New makes the handler of /api/v1, /readyz and /openapi.yaml. It answers every other path with 404.
func New(c Config) http.Handler {
	s := newServer(c)
	s.routes()
	s.adminRoutes()
	s.boundHeads()
	return s
}

func newServer(c Config) *server {
	if c.MaxPayload == 0 {
		c.MaxPayload = carteiro.DefaultMaxPayload
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	return &server{
		Config:  c,
		mux:     http.NewServeMux(),
		limiter: newLimiter(c.RateLimit),
		signIns: newLimiter(maxSignInsPerMinute),

		deliveryStreams: newStreamLimiter(maxDeliveryStreams),
		reads:           budget.New(largeReads),

		crossOrigin: http.NewCrossOriginProtection(),
		// Where a URL may lead is decided when it is dialled; here only its form counts.
		guard:     egress.New(true),
		agents:    newOwnerRoutes(carteiro.OwnerAgent, c.Catalogue),
		campaigns: newOwnerRoutes(carteiro.OwnerCampaign, c.Catalogue),

		environment: newOwnerRoutes(carteiro.OwnerEnvironment, c.Catalogue),
	}
}
