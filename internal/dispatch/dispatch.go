// Package dispatch brings open attempts to their receivers: a lane for each webhook, a limit on what a lane may have in
// flight, claims from the store for what memory does not hold, and batched recording of what came of it.
//
// One mutex guards all lanes: the sections under it are a few dozen instructions, and two cores seldom meet there.
// Nothing is sent or read from the store while it is held.
package dispatch

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
	"github.com/carteiro/carteiro/internal/eviction"
	"github.com/carteiro/carteiro/internal/send"
	"github.com/carteiro/carteiro/internal/store"
)

// Bounds of what a dispatcher takes on.
const (
	// DefaultMaxInFlight is how many attempts may be in flight at once, over all lanes. Most of them are reserved for
	// attempts that hang; see slots.
	DefaultMaxInFlight = 8192
	// DefaultMaxHeldBytes is how much memory deliveries waiting in lanes may take.
	DefaultMaxHeldBytes = 64 << 20
	// DefaultBodies is how much memory attempts may take for large settings of webhooks and for bodies that templates make.
	DefaultBodies = 64 << 20
	// DefaultTargets is how much memory the compiled webhooks may take that lanes keep for their next attempts.
	DefaultTargets = 32 << 20
	// deliveryOverhead is what a held delivery takes beside its payload, in bytes, roughly.
	deliveryOverhead = 1 << 10
	// maxIdleLanes is the default of Config.MaxIdleLanes.
	maxIdleLanes = 10_000
	// maxClaims is how many claims may be under way at once; the store commits them together.
	maxClaims = 16
)

// Times of the lease by which a node holds its attempts.
const (
	// DefaultLease is how long it takes at most until a node that is not heard of has lost what it holds.
	DefaultLease = 15 * time.Second
	// rescanEvery is how often the store is asked for attempts that nobody holds and this node knows nothing of.
	rescanEvery = time.Minute
	// rescanShared is the same where other nodes may have left some.
	rescanShared = 10 * time.Second
	// rescanRetry is the wait after a scan that failed.
	rescanRetry = 2 * time.Second
)

// Webhooks is what a dispatcher asks about webhooks; the directory answers it.
type Webhooks interface {
	// Webhook gives the webhook as it is now, deleted ones included. It fails with store.ErrNotFound.
	Webhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error)
	// Forget says that the webhook was changed.
	Forget(w *carteiro.Webhook)
	// Seen says in which version a webhook has been seen, and whether its circuit was open then.
	Seen(id carteiro.ID, version int64, circuitOpen bool)
}

// Sender makes one HTTP attempt. When ctx ends before the exchange does, the outcome counts for nothing.
type Sender interface {
	Send(ctx context.Context, target *send.Target, d *carteiro.Delivery) *carteiro.Outcome
}

// Config is what a dispatcher is made of. Zero numbers take the defaults.
type Config struct {
	Store    store.Queue
	Webhooks Webhooks
	Sender   Sender
	IDs      *carteiro.IDSource
	Policy   carteiro.RetryPolicy
	Logger   *slog.Logger

	// Bodies limits the memory of attempts with large settings or with bodies that templates make, until their outcomes are recorded; nil:
	// DefaultBodies bytes.
	Bodies *budget.Budget

	MaxInFlight  int
	MaxHeldBytes int
	MaxTargets   int // bytes of the compiled webhooks that lanes keep
	Lease        time.Duration
	Shared       bool // other nodes work on the same store
	// Noticed, if not nil, is called when notices may have been written for operators' webhooks.
	Noticed func()

	// MaxIdleLanes is how many lanes without work keep what they learned about their receivers.
	MaxIdleLanes int
	// RescanEvery is the interval between two scans of the store for unleased attempts.
	RescanEvery time.Duration
	// Preempt, if not nil, is called before each critical section. Tests pause goroutines in it.
	Preempt func()
}

// Dispatcher is the lanes of one node. Start it before anything is handed to it.
type Dispatcher struct {
	Config
	wake     chan struct{} // the schedule has a new first lane
	beat     chan struct{} // the lease is to be looked after before its time
	scan     chan struct{} // the store is to be scanned before its time
	claims   chan struct{} // a token for each claim under way
	launched chan struct{} // the loop that ages attempts has to start its timer
	results  chan result   // to the recorder

	stopping context.Context // ends when no new attempt is to be begun
	stop     context.CancelFunc
	sending  context.Context // ends when what is in flight is to be given up
	giveUp   context.CancelFunc
	// recording ends when outcomes that cannot be recorded are to be given up.
	recording       context.Context
	cancelRecording context.CancelFunc
	// keeping ends when the last outcome is recorded: a draining node renews its lease until then.
	keeping     context.Context
	stopKeeping context.CancelFunc
	keeper      sync.WaitGroup
	loops       sync.WaitGroup // the loops that end with stopping
	attempts    sync.WaitGroup // what is in flight
	recorder    sync.WaitGroup

	look     uint64     // the lease keeper's: how often it has looked for unknown attempts
	failures failureLog // the recorder's
	proxy    proxyState
	refused  refusals
	question atomic.Pointer[question]

	mu           lock
	lanes        map[carteiro.ID]*lane
	targets      *eviction.Policy // of the lanes' compiled webhooks
	schedule     schedule
	slots        slots
	air          flights // attempts with the sender that have not aged
	spare        []*flight
	aging        bool // the timer of the loop that ages them runs, or will
	heldBytes    int
	claimBytes   int // that claims under way may add
	session      store.Session
	leaseUntil   time.Time
	failing      bool       // outcomes cannot be recorded at present
	refusedCount int        // outcomes in refused
	recordFault  error      // of the last try to record outcomes; nil: it succeeded
	leased       *sync.Cond // session, leaseUntil, failing or refusedCount has changed, or the dispatcher is stopping
	// inHand holds the attempts that the session holds and this node knows of: queued, in flight or being recorded; with nil
	// those that are being stored.
	inHand   map[carteiro.ID]*carteiro.Delivery
	claimed  uint64                  // how many claims have begun
	suspects map[carteiro.ID]suspect // see unknown
	// releasing holds unknown attempts that are being released or were a moment ago, with the last claim that may have got them
	// before.
	releasing    map[carteiro.ID]uint64
	unclaimed    map[carteiro.ID]struct{} // webhooks whose lanes begin no claim for the moment; see holdClaims
	doubtUntil   time.Time                // the session may hold more than is known of, until a look at it after then; zero: it does not
	releaseAfter time.Time                // nothing is given back before; see settleDoubt
	waiters      map[carteiro.ID]chan<- *carteiro.Outcome
}

// New makes a dispatcher.
func New(c Config) *Dispatcher {
	if c.MaxInFlight == 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	if c.MaxHeldBytes == 0 {
		c.MaxHeldBytes = DefaultMaxHeldBytes
	}
	if c.Bodies == nil {
		c.Bodies = budget.New(DefaultBodies)
	}
	if c.MaxTargets == 0 {
		c.MaxTargets = DefaultTargets
	}
	if c.Lease == 0 {
		c.Lease = DefaultLease
	}
	if c.MaxIdleLanes == 0 {
		c.MaxIdleLanes = maxIdleLanes
	}
	if c.RescanEvery == 0 {
		c.RescanEvery = rescanEvery
		if c.Shared {
			c.RescanEvery = rescanShared
		}
	}
	d := &Dispatcher{
		Config:    c,
		mu:        lock{preempt: c.Preempt},
		wake:      make(chan struct{}, 1),
		launched:  make(chan struct{}, 1),
		beat:      make(chan struct{}, 1),
		scan:      make(chan struct{}, 1),
		inHand:    make(map[carteiro.ID]*carteiro.Delivery),
		suspects:  make(map[carteiro.ID]suspect),
		releasing: make(map[carteiro.ID]uint64),
		unclaimed: make(map[carteiro.ID]struct{}),
		claims:    make(chan struct{}, maxClaims),
		results:   make(chan result, maxRecordBatch),
		lanes:     make(map[carteiro.ID]*lane),
		targets:   eviction.New(int64(c.MaxTargets)),
		slots:     slots{max: c.MaxInFlight},
		waiters:   make(map[carteiro.ID]chan<- *carteiro.Outcome),
	}
	d.leased = sync.NewCond(&d.mu)
	d.stopping, d.stop = context.WithCancel(context.Background())
	d.sending, d.giveUp = context.WithCancel(context.Background())
	d.recording, d.cancelRecording = context.WithCancel(context.Background())
	d.keeping, d.stopKeeping = context.WithCancel(context.Background())
	return d
}

// Start joins the store and begins to send. ctx bounds the joining only.
func (d *Dispatcher) Start(ctx context.Context) error {
	if err := d.join(ctx); err != nil {
		return err
	}
	d.recorder.Go(d.record)
	d.keeper.Go(d.keepLease)
	d.loops.Go(d.rescan)
	d.loops.Go(d.runSchedule)
	d.loops.Go(d.runAging)
	return nil
}

// recordGrace is how long outcomes that are known may still take to be recorded once Stop's time is over.
const recordGrace = 2 * time.Second

// Stop starts no attempts, releases the queued ones and waits for those in flight until ctx ends. Then it cancels them,
// records the known outcomes and releases everything else. A canceled attempt is sent again by the next node that claims it.
// The lease is renewed until the last outcome is recorded, however long that takes: no other node may send what is in flight.
func (d *Dispatcher) Stop(ctx context.Context) {
	d.mu.Lock()
	d.stop()
	d.leased.Broadcast()
	d.mu.Unlock()
	d.loops.Wait()
	d.attempts.Go(d.releaseQueued)

	sent := make(chan struct{})
	go func() {
		d.attempts.Wait()
		close(d.results)
		close(sent)
	}()
	giveUp := context.AfterFunc(ctx, func() {
		d.giveUp()
		time.AfterFunc(recordGrace, d.cancelRecording)
	})
	<-sent
	d.recorder.Wait()
	giveUp()
	d.giveUp()
	d.cancelRecording()
	d.stopKeeping()
	d.keeper.Wait()
	d.leave()
}

// releasePage is how many attempts a draining node releases in one call.
const releasePage = 1000

// releaseQueued releases what waits in the lanes of a draining node, so that other nodes need not wait for the end of the
// drain.
func (d *Dispatcher) releaseQueued() {
	var queued []*carteiro.Delivery
	d.mu.Lock()
	for _, l := range d.lanes {
		for range l.queue.len() {
			queued = append(queued, l.queue.pop())
		}
	}
	d.mu.Unlock()
	for page := range slices.Chunk(queued, releasePage) {
		d.release(page)
	}
}

// leave gives back what is held. What cannot be given back is free when the lease runs out.
func (d *Dispatcher) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), d.Lease)
	defer cancel()
	if _, err := d.Store.EndSessions(ctx, store.EndSessions{Session: d.Session(), Now: time.Now()}); err != nil {
		d.Logger.Warn("could not give back held attempts; they are free when the lease runs out", "error", err)
	}
}

// Session is what attempts accepted on this node are to be held by.
func (d *Dispatcher) Session() store.Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session
}

// Reserve answers for each place whether the delivery may be stored as held by the session it gives back. One that may
// must be handed to [Dispatcher.Take] or [Dispatcher.Cancel] afterwards; one that may not waits in the store, and
// [Dispatcher.Notice] must be told of it once it is there.
func (d *Dispatcher) Reserve(places []carteiro.Place) store.Session {
	now := d.IDs.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range places {
		p := &places[i]
		l := d.lane(p.WebhookID)
		p.Held = d.stopping.Err() == nil && (p.Urgent || d.hasRoom(l, p.Bytes, now))
		if p.Held {
			l.reserved++
			d.inHand[p.ID] = nil
			d.hold(l, p.Bytes+deliveryOverhead)
		}
	}
	return d.session
}

// hasRoom says whether a lane may hold one more in memory. A trusted lane may hold as much as is still free, so that a
// burst for one webhook is taken whole and yet leaves room for the others; the rest share half of the memory.
func (d *Dispatcher) hasRoom(l *lane, bytes int, now time.Time) bool {
	if l.backlogged(now) || !l.heldBack.IsZero() {
		return false
	}
	bytes += deliveryOverhead
	if l.trusted() {
		return l.heldBytes+bytes <= d.MaxHeldBytes-d.heldBytes
	}
	return l.held() < l.window() && d.heldBytes+bytes <= d.MaxHeldBytes/2
}

// hold counts the memory of a delivery of a lane; release with a negative size.
func (d *Dispatcher) hold(l *lane, bytes int) {
	l.heldBytes += bytes
	d.heldBytes += bytes
}

// Cancel gives back reserved places: their deliveries were not stored.
func (d *Dispatcher) Cancel(places []carteiro.Place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range places {
		if p.Held {
			d.untrackReserved(p.ID)
			d.unreserve(d.lane(p.WebhookID), p.Bytes)
		}
	}
}

func (d *Dispatcher) unreserve(l *lane, bytes int) {
	l.reserved--
	d.hold(l, -bytes-deliveryOverhead)
	d.settle(l)
}

// Take sends deliveries for which places were reserved and that are stored as held by the session; urgent ones first.
func (d *Dispatcher) Take(session store.Session, deliveries []*carteiro.Delivery, urgent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, delivery := range deliveries {
		l := d.lane(delivery.WebhookID)
		l.reserved--
		if urgent {
			d.hold(l, len(delivery.Event.Payload))
		}
		if session != d.session {
			// The lease was lost between commit and now: the attempt is anybody's.
			d.untrackReserved(delivery.ID)
			d.hold(l, -len(delivery.Event.Payload)-deliveryOverhead)
			l.notice(delivery.DueAt)
			d.arm(l)
			continue
		}
		d.track(session, delivery)
		if urgent {
			l.queue.pushFront(delivery)
		} else {
			l.queue.push(delivery)
		}
		d.pump(l)
	}
}

// Notice says that attempts that nobody holds are due at these webhooks.
func (d *Dispatcher) Notice(due time.Time, webhooks ...carteiro.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range webhooks {
		l := d.lane(id)
		l.notice(due)
		d.arm(l)
	}
}

// TakeNow sends a delivery for which an urgent place was reserved at once, past its lane's queue and limit, and gives
// its outcome when that is recorded. It fails with store.ErrLeaseLost when the attempt is left to be claimed, which this node
// then does at once, and with ctx's error; the delivery goes on all the same.
func (d *Dispatcher) TakeNow(ctx context.Context, session store.Session, delivery *carteiro.Delivery) (*carteiro.Outcome, error) {
	outcome := make(chan *carteiro.Outcome, 1)
	d.mu.Lock()
	l := d.lane(delivery.WebhookID)
	l.reserved--
	d.hold(l, len(delivery.Event.Payload))
	if session != d.session || d.stopping.Err() != nil {
		d.untrackReserved(delivery.ID)
		d.hold(l, -len(delivery.Event.Payload)-deliveryOverhead)
		l.notice(delivery.DueAt)
		d.arm(l)
		d.mu.Unlock()
		return nil, store.ErrLeaseLost
	}
	d.waiters[delivery.ID] = outcome
	d.track(session, delivery)
	l.direct++
	d.attempts.Go(func() { d.work(&flight{lane: l, delivery: delivery, direct: true}) })
	d.mu.Unlock()
	select {
	case o, recorded := <-outcome:
		if !recorded {
			return nil, store.ErrLeaseLost
		}
		return o, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// track notes that the session holds a delivery that this node sends. The mutex is held.
func (d *Dispatcher) track(session store.Session, delivery *carteiro.Delivery) {
	delivery.Session = session.ID
	delete(d.suspects, delivery.ID)
	d.inHand[delivery.ID] = delivery
}

// untrackReserved ends the tracking of an attempt for which a place was reserved. The mutex is held.
func (d *Dispatcher) untrackReserved(id carteiro.ID) {
	if d.inHand[id] == nil {
		delete(d.inHand, id)
	}
}

// lane gives a webhook's lane, making it if need be.
func (d *Dispatcher) lane(id carteiro.ID) *lane {
	l, ok := d.lanes[id]
	if !ok {
		l = newLane(id)
		d.lanes[id] = l
	}
	return l
}

// settle lets go of a lane that has nothing to do, when many are remembered already.
func (d *Dispatcher) settle(l *lane) {
	if l.idle() && len(d.lanes) > d.MaxIdleLanes && d.lanes[l.webhookID] == l {
		d.dropTarget(l)
		delete(d.lanes, l.webhookID)
		return
	}
	d.arm(l)
}

// nodeName tells people which process held an attempt.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + strconv.Itoa(os.Getpid())
}
