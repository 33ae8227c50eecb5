// Package app is the one room that knows every other: it wires a server together, starts it and stops it.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	contract "github.com/carteiro/carteiro/api"
	pages "github.com/carteiro/carteiro/docs"
	"github.com/carteiro/carteiro/internal/api"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/dashboard"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/docs"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/ingest"
	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/observe"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres"
	"github.com/carteiro/carteiro/internal/store/sqlite"
	"github.com/carteiro/carteiro/internal/tail"
	"github.com/carteiro/carteiro/web"
)

// Bounds on clients' connections. Whoever reads or writes slower is cut off; the longest honest call is the test of a
// webhook with the longest timeout.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = carteiro.MaxTimeout + 30*time.Second
	idleTimeout       = 2 * time.Minute
	// maxHeaderBytes is twice what the API lets pass, so that it is the one to answer, unless somebody overdoes it.
	maxHeaderBytes = 2 * api.MaxHeaders
)

// App is a server. New makes it, Start runs it, Stop ends it.
type App struct {
	config     *config.Server
	logger     *slog.Logger
	store      store.Store
	keys       *seal.Keyring // nil: none
	shared     store.Shared  // the same, where other nodes work on it too; otherwise nil
	directory  *directory.Directory
	metrics    *observe.Metrics
	tracer     *observe.Tracer // nil: none
	beside     beside
	sender     *send.Sender
	dispatcher *dispatch.Dispatcher
	purger     *jobs.Purger
	disabler   *jobs.Disabler
	cleaner    *jobs.Cleaner
	bulk       *jobs.BulkRunner
	teller     *jobs.Notifier
	ingest     *ingest.Ingest
	http       *http.Server
	listener   net.Listener // of http; nil until Start

	background context.Context // of what runs beside the server
	end        context.CancelFunc
	running    sync.WaitGroup
	failed     chan error
	stops      stops // of the parts that were started

	intake    context.Context // of what reads from brokers: it ends before the dispatcher does
	endIntake context.CancelFunc
	reading   sync.WaitGroup
}

// New opens the database, which is the part that can be misconfigured, and wires everything to it. Nothing runs yet.
func New(ctx context.Context, c *config.Server, version string, logger *slog.Logger) (*App, error) {
	given, err := read(c)
	if err != nil {
		return nil, err
	}
	logger = slog.New(observe.NewLogHandler(logger.Handler()))
	sender, err := newSender(c, version, logger)
	if err != nil {
		return nil, err
	}
	counts := observe.NewMetrics(version)
	tracer, err := newTracer(ctx, c, version, logger)
	if err != nil {
		return nil, config.Usage(err)
	}
	opened, err := openWithKeys(ctx, c.Database, given.keys, hooks{counts.Committed, logger.Warn})
	if err != nil {
		return nil, errors.Join(err, tracer.Close(ctx))
	}
	hub := tail.NewHub()
	s := hub.Watch(counts.Watch(opened))
	a := &App{config: c, logger: logger, store: s, keys: given.keys, metrics: counts, tracer: tracer, sender: sender, failed: make(chan error, 1)}
	var shared bool
	a.shared, shared = opened.(store.Shared)
	a.pushOpened()
	ids := new(carteiro.IDSource)
	a.directory = directory.New(s, shared)
	a.dispatcher = dispatch.New(dispatch.Config{
		Store:    s,
		Webhooks: a.directory,
		Sender:   tracer.Sender(a.sender),
		IDs:      ids,
		Policy:   c.RetryPolicy(),
		Logger:   logger,
		Lease:    c.Takeover,
		Shared:   shared,
		Noticed:  func() { a.teller.Wake() },

		MaxInFlight: maxInFlight(),
	})
	a.teller = jobs.NewNotifier(jobs.NotifierConfig{Store: s, Directory: a.directory, Lanes: a.dispatcher, IDs: ids, Logger: logger, Dropped: counts.OperatorEventDropped})
	a.directory.Changed = a.dispatcher.LookAgain
	counts.WatchState(depth(a.dispatcher), s)
	counts.WatchSecrets(given.keys.First(), s)
	a.purger = &jobs.Purger{Store: s, Retention: c.Retention, AuditRetention: c.AuditRetention, Logger: logger}
	a.cleaner = &jobs.Cleaner{Store: s, Environments: a.directory, Logger: logger}
	a.disabler = &jobs.Disabler{Webhooks: a.directory, IDs: ids, After: c.DisableAfter, Logger: logger}
	a.bulk = jobs.NewBulkRunner(jobs.BulkConfig{
		Store: s, Lanes: a.dispatcher, IDs: ids, Logger: logger, Retention: c.Retention, Rate: c.BulkRetryRate,
	})
	settings := a.settings(given.catalogue, ids, hub, version)
	settings.ProxyDown = a.dispatcher.ProxyDown
	settings.AdminToken = given.adminToken
	if a.ingest, err = newIngest(ctx, given.sources, s, api.NewIntake(settings), logger); err == nil {
		err = a.newHTTP(settings, hub)
	}
	if err != nil {
		return nil, errors.Join(err, tracer.Close(ctx), s.Close())
	}
	return a, nil
}

// pushOpened makes the contexts of the parts, and registers what New has opened to be closed.
func (a *App) pushOpened() {
	a.background, a.end = context.WithCancel(context.Background())
	a.intake, a.endIntake = context.WithCancel(a.background)
	a.stops.push("database", func(context.Context) error { return a.store.Close() })
	a.stops.push("tracer", a.tracer.Close)
	a.stops.push("sender", func(context.Context) error { a.sender.Close(); return nil })
}

// given is what the configuration names and does not hold: it stands in files and in lists.
type given struct {
	catalogue  *carteiro.Catalogue
	sources    []config.Source
	keys       *seal.Keyring
	adminToken carteiro.TokenHash
}

func read(c *config.Server) (g given, err error) {
	if g.catalogue, err = c.Catalogue(); err != nil {
		return g, err
	}
	if g.sources, err = c.Sources(); err != nil {
		return g, err
	}
	if g.keys, err = c.Keys(); err != nil {
		return g, err
	}
	g.adminToken, err = c.AdminTokenHash()
	return g, err
}

// newSender makes the sender, with the way out that the configuration names.
func newSender(c *config.Server, version string, logger *slog.Logger) (*send.Sender, error) {
	proxy, err := c.Proxy()
	if err != nil {
		return nil, err
	}
	roots, err := c.Roots()
	switch {
	case errors.Is(err, config.ErrNoAuthorities): // deliveries over plain HTTP do without
		logger.Warn("deliveries over https will fail until there are some: install ca-certificates, or name a file with --egress-ca-file, and start again",
			"error", err)
	case err != nil:
		return nil, err
	}
	guard := egress.New(c.AllowPrivateNetworks).Trusting(roots)
	if proxy != nil {
		guard = guard.Through(proxy)
	}
	return send.New(guard, version), nil
}

// settings are what the API is made of.
func (a *App) settings(catalogue *carteiro.Catalogue, ids *carteiro.IDSource, hub *tail.Hub, version string) api.Config {
	memory := newBudget(a.config)
	if memory != nil {
		a.metrics.WatchMemory(memory.Limit(), memory.Used)
	}
	return api.Config{
		Store:     a.store,
		Directory: a.directory,
		Publisher: a.tracer.Publisher(&publish.Publisher{
			Store: a.store, Directory: a.directory, Lanes: a.dispatcher, IDs: ids, Retention: a.config.Retention, Memory: memory,
			MaxRendered: publish.MaxRendered(a.config.MaxPayload),
		}),
		Observer:  a.metrics,
		Sending:   a.dispatcher.Ready,
		Previewer: a.sender,
		Bulk:      a.bulk,
		Tail:      hub,
		Catalogue: catalogue,
		IDs:       ids,
		Logger:    a.logger,
		RateLimit: a.config.RateLimit,

		TrustedProxies: a.config.TrustedProxies,
		Memory:         memory,

		MaxPayload: a.config.MaxPayload,

		MaxWebhooks: a.config.MaxWebhooks,

		Admin:    a.store,
		Sessions: a.config.Dashboard,
		Version:  version,
	}
}

// newBudget returns the memory budget of clients; nil if the configuration has none, as in tests.
func newBudget(c *config.Server) *budget.Budget {
	if c.MemoryBudget == 0 {
		return nil
	}
	return budget.New(int64(c.MemoryBudget) << 20)
}

// newHTTP makes what answers HTTP: the API, behind the dashboard if there is to be one, and the documentation.
func (a *App) newHTTP(settings api.Config, hub *tail.Hub) error {
	handler := api.New(settings)
	if a.config.Dashboard {
		var err error
		if handler, err = dashboard.New(web.Page(), handler); err != nil {
			return err
		}
	}
	a.http = newServer(docs.Handler(pages.Pages, contract.OpenAPI, a.logger, handler), a.logger)
	a.http.RegisterOnShutdown(hub.Close)
	return nil
}

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// limitConnections limits how many connections clients may have open.
func limitConnections(listener net.Listener, connections int, logger *slog.Logger) net.Listener {
	return &limitListener{Listener: listener, max: connections, ids: new(carteiro.IDSource), logger: logger}
}

// newIngest makes the reader of the sources that the configuration names.
func newIngest(ctx context.Context, sources []config.Source, s store.Store, intake *api.Intake, logger *slog.Logger) (*ingest.Ingest, error) {
	if len(sources) == 0 {
		return new(ingest.Ingest), nil
	}
	environments, err := s.ListEnvironments(ctx)
	if err != nil {
		return nil, err
	}
	return ingest.New(sources, environments, intake, logger)
}

// Use is what a database is opened for.
type Use int

// The uses.
const (
	Exclusive  Use = iota // by the server
	Shared                // by a command, also beside a running server
	Existing              // likewise, without creating the database
	Examine               // likewise, to check it
	MoveSource            // to be copied, which is there and has no server
	MoveTarget            // to be copied into
)

// shared reports whether a server may run on the database at the same time.
func (u Use) shared() bool { return u == Shared || u == Existing || u == Examine }

// existing reports whether opening fails if there is no database.
func (u Use) existing() bool { return u == Existing || u == Examine || u == MoveSource }

const (
	// commandConnections is how many connections a command opens, which does one thing at a time.
	commandConnections = 4
	// moveTimeout bounds one call of a copy, which may count millions of rows.
	moveTimeout = 10 * time.Minute
)

// OpenStore opens the database that the configuration names, creating or migrating it. Its errors speak to the operator.
// keys encrypt the webhooks' secrets, and may be nil where nobody reads or writes any.
func OpenStore(ctx context.Context, d config.Database, use Use, keys *seal.Keyring) (store.Store, error) {
	return openDatabase(ctx, d, use, keys, hooks{})
}

// hooks are what a database calls; each may be nil.
type hooks struct {
	committed func(operations int, took time.Duration) // after each commit
	warn      func(message string, args ...any)        // of what the operator should know
}

func openDatabase(ctx context.Context, d config.Database, use Use, keys *seal.Keyring, h hooks) (store.Store, error) {
	moving := use == MoveSource || use == MoveTarget
	if d.Postgres() {
		opts := postgres.Options{
			Shared: use.shared(), Moving: moving, Existing: use.existing(),
			Connections: d.DatabaseConnections, Timeout: d.DatabaseTimeout,
			Committed: h.committed, Keys: keys, Warn: h.warn,
		}
		if use != Exclusive {
			opts.Connections = commandConnections
		}
		if moving {
			opts.Timeout = moveTimeout
		}
		return openStore(postgres.Open(ctx, d.Database, opts))
	}
	file, err := d.SQLiteFile()
	if err != nil {
		return nil, err
	}
	opts := sqlite.Options{
		Shared: use.shared(), Moving: moving, Existing: use.existing(), Committed: h.committed, Keys: keys, Warn: h.warn,
	}
	return openStore(sqlite.Open(ctx, file, opts))
}

// openStore gives a nil interface for a store that could not be opened.
func openStore[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// DatabaseName is the database as it may be shown: without a password.
func DatabaseName(d config.Database) string {
	if d.Postgres() {
		return postgres.Redacted(d.Database)
	}
	if _, err := d.SQLiteFile(); err != nil {
		return "what is no database of ours" // and may hold a password all the same
	}
	return d.Database
}

// newTracer gives none when no collector is named.
func newTracer(ctx context.Context, c *config.Server, version string, logger *slog.Logger) (*observe.Tracer, error) {
	if c.TracesEndpoint == "" {
		return nil, nil //nolint:nilnil // a nil tracer is one that wraps nothing
	}
	return observe.NewTracer(ctx, c.TracesEndpoint, version, logger)
}

// Start listens, resumes open deliveries, and serves. If it fails, it stops what it has started.
func (a *App) Start(ctx context.Context) error {
	err := a.start(ctx)
	if err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		_ = a.stops.run(stopping) // err says why
	}
	return err
}

func (a *App) start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.config.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", a.config.Listen, err)
	}
	a.listener = limitConnections(listener, maxConnections(a.config.MemoryBudget), a.logger)
	a.stops.push("listener", func(context.Context) error {
		_ = a.listener.Close() // fails if the HTTP server has closed it
		return nil
	})

	a.stops.push("metrics and debug servers", func(context.Context) error { a.stopBeside(); return nil })
	if err := a.startBeside(ctx); err != nil {
		return err
	}

	// Jobs start after the dispatcher, which they use, and stop after it: they publish what the drain reports.
	a.stops.push("background jobs", func(context.Context) error { a.end(); a.running.Wait(); return nil })
	a.stops.push("dispatcher", func(ctx context.Context) error { a.dispatcher.Stop(ctx); return nil })
	if err := a.dispatcher.Start(ctx); err != nil {
		return fmt.Errorf("cannot join the database: %w", err)
	}
	a.startJobs()

	a.stops.push("broker consumers", func(context.Context) error { a.endIntake(); a.reading.Wait(); return nil })
	a.reading.Go(func() { a.ingest.Run(a.intake) })

	a.stops.push("HTTP server", a.stopHTTP)
	a.running.Go(func() {
		if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- err
		}
	})
	return nil
}

// startJobs runs the background jobs until a.end is called.
func (a *App) startJobs() {
	for _, job := range []func(context.Context){
		a.purger.Run, a.reseal, a.directory.Run, a.disabler.Run, a.cleaner.Run, a.bulk.Run, a.teller.Run,
	} {
		a.running.Go(func() { job(a.background) })
	}
	if a.shared != nil {
		a.running.Go(func() { a.shared.Listen(a.background, a.hear) })
	}
}

// stopHTTP waits for requests in flight until ctx ends, then disconnects them.
func (a *App) stopHTTP(ctx context.Context) error {
	if a.http.Shutdown(ctx) == nil {
		return nil
	}
	return a.http.Close()
}

// hear takes a hint of another node.
func (a *App) hear(h store.Hint) {
	a.directory.Hear(h)
	a.dispatcher.Hear(h)
}

// Addr is the address that the server listens on, once started.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Store is the server's database, for what is done beside the API.
func (a *App) Store() store.Store { return a.store }

// Failed gives the error of a server that cannot go on.
func (a *App) Failed() <-chan error { return a.failed }

// Stop rejects new requests, drains deliveries in flight until ctx ends, and closes the database. Each part has a bounded
// time to stop. The next start sends what was accepted and not sent.
func (a *App) Stop(ctx context.Context) error { return a.stops.run(ctx) }
