package simulation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// world is one run: a store that is the truth, nodes that live and die, receivers, publishers, and what all of them saw.
type world struct {
	t          *testing.T
	plan       *plan
	truth      store.Store
	began      time.Time
	over       chan struct{} // closed when the run is: what the dead were about comes to its end
	background sync.WaitGroup
	broken     atomic.Bool // something does not hold; the run ends
	owners     [2]store.OwnerRef
	hooks      []*carteiro.Webhook
	operators  []*carteiro.Webhook // the environments' own
	policy     carteiro.RetryPolicy

	mu          sync.Mutex
	nodes       [2]*node // those that live; nil between two lives
	lives       [2]int
	all         []*node
	outages     int
	disturbedAt time.Time // see disturb
	ended       bool
	faults      []string
	trace       []string
	saw         sightings
}

// node is one life of a process.
type node struct {
	*link
	dispatcher    *dispatch.Dispatcher
	directory     *directory.Directory
	publisher     *publish.Publisher
	teller        *jobs.Notifier
	ids           *carteiro.IDSource
	endBackground context.CancelFunc
	stopped       bool
}

// eventType is what everybody wants.
const eventType = "event_action"

// run runs a plan from its beginning to the last check. It is called in a bubble of synctest.
func run(t *testing.T, p *plan, truth store.Store) (faults, trace []string) {
	w := &world{
		t: t, plan: p, truth: truth, began: time.Now(), over: make(chan struct{}), saw: newSightings(),
		// Without jitter: what a seed decides is all there is of chance.
		policy: carteiro.RetryPolicy{Schedule: []time.Duration{time.Second, 5 * time.Second, 20 * time.Second}},
	}
	w.register()
	w.noteCrowd()
	for slot := range w.slots() {
		w.boot(slot)
	}
	for i := range p.publishes {
		w.background.Go(func() { w.publish(i) })
	}
	for i := range p.publishers {
		w.background.Go(func() { w.publishOn(i) })
	}
	for i := range p.deeds {
		w.background.Go(func() { w.do(i) })
	}
	for time.Since(w.began) < turmoil && !w.failed() {
		pass(7 * time.Second)
		w.look()
	}
	w.settle()
	if !w.failed() {
		w.judge()
	}
	w.end()
	return w.faults, w.trace
}

func (w *world) slots() int {
	if w.plan.shared {
		return 2
	}
	return 1
}

// calm says that nothing goes wrong any more.
func (w *world) calm() bool { return time.Since(w.began) >= turmoil || w.broken.Load() }

// out says that the store is away.
func (w *world) out() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outages > 0
}

// disturb notes that something has happened that takes nodes time to come to terms with.
func (w *world) disturb() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disturbedAt = time.Now()
}

func (w *world) disturbed() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disturbedAt
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, fmt.Sprintf("%10s  ", time.Since(w.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// fault notes that something does not hold.
func (w *world) fault(format string, args ...any) {
	w.note("FAULT: "+format, args...)
	w.broken.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// failed reports whether something does not hold. What comes after is of no interest.
func (w *world) failed() bool { return w.broken.Load() }

// register makes two environments that use the same ids, with the plan's webhooks.
func (w *world) register() {
	ids, ctx := new(carteiro.IDSource), context.Background()
	agent := ids.New(w.began)
	for tenant := range w.owners {
		w.owners[tenant] = store.OwnerRef{EnvironmentID: ids.New(w.began), Kind: carteiro.OwnerAgent, ID: agent}
		_, _, err := w.truth.PutOwner(ctx, store.PutOwner{Owner: carteiro.Owner{
			EnvironmentID: w.owners[tenant].EnvironmentID, Kind: carteiro.OwnerAgent, ID: agent, Name: "Ana", CreatedAt: w.began, UpdatedAt: w.began,
		}})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	for i, hook := range w.plan.webhooks {
		webhook := &carteiro.Webhook{
			ID: ids.New(w.began), EnvironmentID: w.owners[hook.tenant].EnvironmentID, OwnerKind: carteiro.OwnerAgent, OwnerID: agent,
			Name: fmt.Sprint("webhook ", i), URL: "https://example.com/", Events: []string{hook.eventType}, Enabled: true,
			MaxRetries: hook.maxRetries, Timeout: hook.timeout, HTTPMethod: "POST", CreatedAt: w.began, UpdatedAt: w.began,
		}
		if err := w.truth.CreateWebhook(ctx, store.CreateWebhook{Webhook: webhook}); err != nil {
			w.t.Fatal(err)
		}
		w.hooks = append(w.hooks, webhook)
		w.saw.urls[webhook.ID] = webhook.URL
	}
	w.registerOperators(ids)
}

// boot begins a node's next life.
func (w *world) boot(slot int) {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	w.lives[slot]++
	n := &node{link: &link{Store: w.truth, w: w, slot: slot, life: w.lives[slot], calls: make(map[string]int), entered: make(map[uint64]int)}, ids: new(carteiro.IDSource)}
	n.jumps = []jump{{ahead: w.plan.skew[slot]}}
	w.all = append(w.all, n)
	w.mu.Unlock()
	w.disturb()
	w.note("%s begins", n)
	n.directory = directory.New(n.link, w.plan.shared)
	config := dispatch.Config{
		Store: n.link, Webhooks: n.directory, Sender: &sender{w: w, n: n}, IDs: n.ids, Policy: w.policy,
		Logger: slog.New(slog.DiscardHandler), Shared: w.plan.shared, Noticed: func() { n.teller.Wake() },
		MaxInFlight: w.plan.slots, Preempt: n.preempt,
	}
	if w.plan.fewLanes {
		config.MaxIdleLanes = 1
	}
	if w.plan.rareScans {
		config.RescanEvery = 1000 * time.Hour
	}
	n.dispatcher = dispatch.New(config)
	n.directory.Changed = n.dispatcher.LookAgain
	n.teller = jobs.NewNotifier(jobs.NotifierConfig{Store: n.link, Directory: n.directory, Lanes: n.dispatcher, IDs: n.ids, Logger: slog.New(slog.DiscardHandler)})
	background, end := context.WithCancel(context.Background())
	n.endBackground = end
	n.publisher = &publish.Publisher{Store: n.link, Directory: n.directory, Lanes: n.dispatcher, IDs: n.ids, Retention: time.Hour}
	w.background.Go(func() {
		w.takeOver(n)
		if err := n.dispatcher.Start(context.Background()); err != nil {
			if n.lives() {
				n.die()
				w.note("%s cannot begin", n)
				w.bootLater(slot, time.Second)
			}
			return
		}
		w.mu.Lock()
		if n.lives() {
			w.nodes[slot] = n
		}
		w.mu.Unlock()
		w.runBackground(background, n)
	})
}

// runBackground runs what a server does besides publishing and sending, until ctx ends.
func (w *world) runBackground(ctx context.Context, n *node) {
	logger := slog.New(slog.DiscardHandler)
	w.background.Go(func() { (&jobs.Cleaner{Store: n.link, Environments: n.directory, Logger: logger}).Run(ctx) })
	w.background.Go(func() {
		(&jobs.Disabler{Webhooks: n.directory, IDs: n.ids, After: disableAfter, Logger: logger}).Run(ctx)
	})
	if w.plan.operators {
		n.teller.Run(ctx)
	}
}

// takeOver frees what earlier lives held, where a node has the store for itself: opening the database does.
func (w *world) takeOver(n *node) {
	if w.plan.shared {
		return
	}
	if _, err := w.truth.EndSessions(context.Background(), store.EndSessions{Now: time.Now().Add(1000 * time.Hour)}); err != nil {
		w.fault("%s cannot take over: %v", n, err)
	}
}

func (w *world) bootLater(slot int, after time.Duration) {
	w.background.Go(func() {
		pass(after)
		w.boot(slot)
	})
}

// crash ends a life in the middle of a call, which never comes back.
func (w *world) crash(l *link, c crashPlan) {
	if !l.die() { // two writes at once: the other was first
		<-w.over
		return
	}
	w.disturb()
	w.note("%s dies", l)
	w.mu.Lock()
	if n := w.nodes[l.slot]; n != nil && n.link == l {
		w.nodes[l.slot] = nil
	}
	w.mu.Unlock()
	w.bootLater(l.slot, c.gone)
	<-w.over
}

// living gives the node that somebody reaches who asks for one; nil when nobody answers there.
func (w *world) living(slot int) *node {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil
	}
	return w.nodes[slot%w.slots()]
}

// publish makes the calls of one publisher, and writes down what was answered.
func (w *world) publish(i int) {
	p := w.plan.publishes[i]
	pass(p.at)
	n := w.living(p.node)
	if n == nil {
		return
	}
	events := make([]publish.Event, p.events)
	for j := range events {
		payload, _ := json.Marshal(message{Call: i, Event: j})
		if p.key > 0 {
			payload, _ = json.Marshal(message{Key: p.key, Call: -1, Event: j})
		}
		events[j] = publish.Event{Owner: w.owners[p.tenant], Type: p.eventType, Payload: payload}
	}
	var key *publish.Key
	if p.key > 0 {
		events = events[:1]
		key = &publish.Key{Key: fmt.Sprint("key ", p.key)}
		if p.key%2 == 0 { // of the event, and not of the whole call
			events[0].Key, key = key, nil
		}
	}
	w.call(n, p.tenant, p.key, key, events)
}

// call makes a call that publishes events, and notes what was answered.
func (w *world) call(n *node, tenant, keyed int, key *publish.Key, events []publish.Event) {
	results, err := n.publisher.Publish(context.Background(), w.owners[tenant].EnvironmentID, key, events)
	if err != nil || !n.lives() {
		return // who gets no answer knows nothing
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range results {
		switch {
		case r.Err == nil:
			w.saw.accepted[r.EventID] = acceptance{tenant: tenant, key: keyed, deliveries: r.Deliveries}
		case !errors.Is(r.Err, directory.ErrOwnerNotFound) || !w.plan.deletesOwners():
			w.broken.Store(true)
			w.faults = append(w.faults, fmt.Sprintf("an event was not accepted: %v", r.Err))
		}
	}
}

// publishOn publishes one event after the other.
func (w *world) publishOn(publisher int) {
	for i := 0; time.Since(w.began) < w.plan.busyUntil; i++ {
		pass(time.Millisecond)
		n, tenant := w.living(publisher), w.plan.webhooks[0].tenant
		if n == nil {
			pass(time.Second)
			continue
		}
		payload, _ := json.Marshal(message{Call: 1000 + publisher, Event: i})
		w.call(n, tenant, 0, nil, []publish.Event{{Owner: w.owners[tenant], Type: eventType, Payload: payload}})
	}
}

// message is the payload of an event: which one it is.
type message struct{ Key, Call, Event int }

// do does one of the plan's deeds.
func (w *world) do(i int) {
	d := w.plan.deeds[i]
	pass(d.at)
	hook := w.hooks[d.webhook]
	n := w.living(d.node)
	if n == nil {
		return
	}
	w.note("%s: %s, webhook %d, %s", n, d.kind, d.webhook, d.lasts.Round(time.Millisecond))
	switch d.kind {
	case "outage":
		w.outage(d.lasts)
	case "broken":
		n.breakWrites(d.lasts)
	case "delete owner":
		w.deleteOwner(n, w.ownerOf(hook))
	case "move":
		w.change(n, hook, func(h *carteiro.Webhook) {
			if h.Live() { // a disabled one would seem to have been disabled by its new URL
				h.URL = fmt.Sprint("https://example.com/", i)
			}
		})
	case "pause":
		n.pause(d.lasts)
	case "clock":
		n.jump(oneOf(w.plan.roll("clock", i), -d.lasts, d.lasts, -20*time.Minute, 20*time.Minute))
	case "stop":
		if w.stop(n, d.lasts) {
			w.bootLater(n.slot, time.Second)
		}
	case "disable":
		if w.change(n, hook, func(h *carteiro.Webhook) { h.Enabled = false }) {
			pass(d.lasts)
			if n := w.living(d.node); n != nil {
				w.change(n, hook, func(h *carteiro.Webhook) { h.Enabled = true })
			}
		}
	case "delete":
		w.change(n, hook, func(h *carteiro.Webhook) { h.DeletedAt = time.Now() })
	case "test":
		w.test(n, hook, d.lasts)
	case "test and pause": // for longer than its lease: the test call is stored by a session, and sent by the next one
		w.background.Go(func() { w.test(n, hook, d.lasts) })
		pass(between(w.plan.roll("pause", i), 0, w.plan.faults.slowest+w.plan.faults.fastest))
		n.pause(dispatch.DefaultLease + d.lasts)
	case "stop at probe":
		for until := time.Now().Add(probeWait); !w.probing(hook); pass(100 * time.Millisecond) {
			if w.failed() || time.Now().After(until) {
				return
			}
		}
		for _, n := range w.livingNodes() {
			if w.stop(n, time.Millisecond) {
				w.bootLater(n.slot, time.Second)
			}
		}
	case "retry":
		w.retry(n, hook, i)
	}
}

// test sends a test event and waits so long for its outcome.
func (w *world) test(n *node, hook *carteiro.Webhook, patience time.Duration) {
	sample := publish.Event{Owner: w.ownerOf(hook), Type: carteiro.TestEvent, Payload: []byte(`{"Call":-2}`)}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _ = n.publisher.Test(ctx, hook, sample, publish.Names{})
}

// livingNodes returns the nodes that live now.
func (w *world) livingNodes() (all []*node) {
	for slot := range w.slots() {
		if n := w.living(slot); n != nil {
			all = append(all, n)
		}
	}
	return all
}

func (w *world) ownerOf(hook *carteiro.Webhook) store.OwnerRef {
	return store.OwnerRef{EnvironmentID: hook.EnvironmentID, Kind: hook.OwnerKind, ID: hook.OwnerID}
}

// change changes a webhook on a node. From then on the node knows that the webhook is off, if this change switched it off. If an
// outcome did, the node knows once it is answered.
func (w *world) change(n *node, hook *carteiro.Webhook, change func(*carteiro.Webhook)) bool {
	switchedOff := false
	_, err := n.directory.ChangeWebhook(context.Background(), w.ownerOf(hook), hook.ID, func(h *carteiro.Webhook) error {
		wasLive := h.Live()
		change(h)
		switchedOff = wasLive && !h.Live()
		h.UpdatedAt = time.Now()
		return nil
	}, nil)
	if err != nil || !n.lives() {
		return false
	}
	if switchedOff {
		w.changed(n.link, hook.ID)
	}
	return true
}

// deleteOwner deletes an owner on a node, which knows from then on that the owner's webhooks are off if they are.
func (w *world) deleteOwner(n *node, owner store.OwnerRef) {
	_ = n.directory.DeleteOwner(context.Background(), store.DeleteOwner{OwnerRef: owner, Now: time.Now()})
	if !n.lives() {
		return
	}
	for _, hook := range w.hooks {
		if w.ownerOf(hook) == owner {
			w.changed(n.link, hook.ID)
		}
	}
}

func (w *world) outage(d time.Duration) {
	w.mu.Lock()
	w.outages++
	w.mu.Unlock()
	pass(d)
	w.mu.Lock()
	w.outages--
	w.mu.Unlock()
	w.disturb()
}

// stop ends a life as an init system would, which gives it so long for what is in flight. It says whether that was its end:
// it may have died before.
func (w *world) stop(n *node, within time.Duration) bool {
	w.mu.Lock()
	if n.stopped || w.nodes[n.slot] != n {
		w.mu.Unlock()
		return false
	}
	n.stopped, w.nodes[n.slot] = true, nil
	w.mu.Unlock()
	w.disturb()
	asked := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	n.dispatcher.Stop(ctx)
	n.endBackground()
	stopped := n.lives()
	if stopped {
		// One that was paused beyond its time had none to give anything back: its lease ends.
		if f := w.plan.faults; f.before+f.after+f.late+f.permanent == 0 && n.untroubledSince(asked) && n.couldWriteSince(asked) && !w.out() {
			w.judgeStop(n)
		}
		n.die()
		w.disturb()
		w.note("%s has stopped", n)
	}
	return stopped
}

// retry has several people retry the same failure at once, of whom one may get it.
func (w *world) retry(n *node, hook *carteiro.Webhook, i int) {
	var failed []*carteiro.Attempt
	for _, a := range w.logs(hook.ID) {
		if a.Status == carteiro.StatusFailed {
			failed = append(failed, a)
		}
	}
	if len(failed) == 0 {
		return
	}
	log := oneOf(w.plan.roll("retry", i), failed...)
	for range 3 {
		w.background.Go(func() {
			ref := store.LogRef{OwnerRef: w.ownerOf(hook), WebhookID: hook.ID, LogID: log.ID}
			_, err := n.publisher.Retry(context.Background(), ref, nil, nil)
			refused, is := errors.AsType[publish.RefusedError](err)
			if is && refused.Reason == carteiro.TooOld {
				w.fault("a retry was refused as too old")
			}
		})
	}
}

// logs reads a webhook's whole log from the truth.
func (w *world) logs(hook carteiro.ID) []*carteiro.Attempt {
	page, err := w.truth.ListLogs(context.Background(), store.ListLogs{WebhookID: hook, Limit: 100_000})
	if err != nil {
		w.fault("the log cannot be read: %v", err)
	}
	return page.Attempts
}

// settle lets everything come to its end: nothing goes wrong, all nodes live.
func (w *world) settle() {
	for time.Since(w.began) < turmoil+patience && !w.failed() {
		pass(10 * time.Second)
		w.look()
		if time.Since(w.began) > w.plan.end() && w.living(0) != nil && w.living(1) != nil && !slices.ContainsFunc(w.hooks, w.hasOpen) && w.allTold() && w.judgeIdle() {
			return
		}
	}
}

func (w *world) hasOpen(hook *carteiro.Webhook) bool {
	page, err := w.truth.ListLogs(context.Background(), store.ListLogs{WebhookID: hook.ID, Status: carteiro.StatusPending, Limit: 1})
	if err != nil {
		w.fault("the log cannot be read: %v", err)
	}
	return page.Total > 0
}

// end stops everybody, also the dead, whose goroutines are still there.
func (w *world) end() {
	for slot := range w.slots() {
		if n := w.living(slot); n != nil {
			w.stop(n, time.Minute)
		}
	}
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	close(w.over)
	given, up := context.WithCancel(context.Background())
	up()
	w.mu.Lock()
	all := slices.Clone(w.all)
	w.mu.Unlock()
	for _, n := range all {
		n.die()
		n.endBackground()
		if !n.stopped {
			n.stopped = true
			n.dispatcher.Stop(given)
		}
	}
	w.background.Wait()
}
