package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// link is a node's way to the store, on which calls take time and everything can happen that happens between a process and
// its database. A call of a process that has died comes to no end before the run does.
type link struct {
	store.Store // the truth
	w           *world
	slot, life  int

	mu         sync.Mutex
	calls      map[string]int
	entered    map[uint64]int // critical sections of the dispatcher, by caller
	writes     int
	dead       bool
	until      time.Time // paused so long
	broken     time.Time // all writes fail for good so long
	jumps      []jump
	pauses     []span
	troubledAt time.Time // see trouble
	hints      int       // that were sent
}

// errDead is what a dead process's calls give when the run is over: nobody sees it.
var errDead = errors.New("the process is dead")

// standing waits while the node is paused, and says whether it lives.
func (l *link) standing() (lives, paused bool) {
	for {
		l.mu.Lock()
		dead, wait := l.dead, time.Until(l.until)
		l.mu.Unlock()
		switch {
		case dead:
			<-l.w.over
			return false, paused
		case wait <= 0:
			return true, paused
		}
		paused = true
		pass(wait)
	}
}

func (l *link) lives() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.dead
}

// die ends the life, and reports whether it had not ended before.
func (l *link) die() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	lived := !l.dead
	l.dead = true
	return lived
}

// breakWrites has all writes fail for good for a time, as if a permission was revoked.
func (l *link) breakWrites(d time.Duration) {
	l.trouble()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = time.Now().Add(d)
}

// couldWriteSince reports whether writes have not been failing for good since an instant.
func (l *link) couldWriteSince(t time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.broken.After(t)
}

// jump sets the node's clock.
func (l *link) jump(ahead time.Duration) {
	l.trouble()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jumps = append(l.jumps, jump{time.Now(), ahead})
}

// jump is when a node's clock was set, and how far it is ahead since.
type jump struct {
	at    time.Time
	ahead time.Duration
}

// clock gives a time as the node has told it, by what its clock said at an instant.
func (l *link) clock(t, asked time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range slices.Backward(l.jumps) {
		if !t.IsZero() && !j.at.After(asked) {
			return t.Add(j.ahead)
		}
	}
	return t
}

// local gives a time of the store's as the node takes it.
func (l *link) local(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-l.clock(t, time.Now()).Sub(t))
}

// lease gives the time by which a lease is kept: the store's own, where nodes share it.
func (l *link) lease(t, asked time.Time) time.Time {
	if l.w.plan.shared {
		return t
	}
	return l.clock(t, asked)
}

// fate is what becomes of a call.
type fate int

const (
	done       fate = iota
	failed          // before anything was done
	unanswered      // done, and reported as failed
	overdue         // reported as failed, and done later
	refused         // before anything was done, and not because the store is away
	crashed         // the process has died before it was done
	crashedAt       // the process has died when it was done
)

func (l *link) fateOf(verb string, write bool) (_ fate, took, later time.Duration, crash crashPlan) {
	out := l.w.out() // before the lock: who boots a node takes the two the other way round
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[verb]++
	r := l.w.plan.roll("call", l.slot, l.life, verb, l.calls[verb])
	f := l.w.plan.faults
	took, later = between(r, 50*time.Microsecond+f.fastest, f.slowest), between(r, 0, 8*time.Second)
	if write {
		l.writes++
		if c, dies := l.w.plan.crash(l.slot, l.life, l.writes); dies && !l.w.calm() {
			if c.committed {
				return crashedAt, took, later, c
			}
			return crashed, took, later, c
		}
	}
	luck := r.IntN(1000)
	return l.luckOf(luck, verb, write, out), took, later, crash
}

// luckOf is the fate of a call that no crash ends. The mutex is held.
func (l *link) luckOf(luck int, verb string, write, out bool) fate {
	f := l.w.plan.faults
	within := func(share int) bool {
		luck -= share
		return luck < 0
	}
	switch {
	case l.w.calm():
		return done
	case out, within(f.before):
		return failed
	case !write:
		return done
	case within(f.after):
		return unanswered
	case verb != "renew" && within(f.late): // see docs/decisions/0048-simulation.md
		return overdue
	case verb != "renew" && (within(f.permanent) || time.Now().Before(l.broken)):
		return refused
	default:
		return done
	}
}

// errRefused is a fault of the store that does not say that it is away.
var errRefused = errors.New("simulated: permission denied")

// call makes a call of the link.
func call[T any](ctx context.Context, l *link, verb string, write bool, do func() (T, error)) (_ T, _ error) {
	var none T
	if lives, _ := l.standing(); !lives {
		return none, errDead
	}
	fate, took, later, crash := l.fateOf(verb, write)
	if fate != done {
		l.w.note("%s: %s: %s", l, verb, fate)
		l.w.disturb()
		if verb == "renew" || verb == "join" {
			l.trouble()
		}
	}
	if err := sleep(ctx, took/2); err != nil {
		return none, err
	}
	unavailable := fmt.Errorf("%w: simulated", store.ErrUnavailable)
	switch fate {
	case failed:
		return none, unavailable
	case refused:
		return none, errRefused
	case crashed:
		l.w.crash(l, crash)
	case overdue:
		l.w.background.Go(func() {
			pass(later)
			l.w.disturb()
			_, _ = do()
		})
		return none, unavailable
	}
	if !l.lives() {
		<-l.w.over
		return none, errDead
	}
	result, err := do()
	if fate == crashedAt {
		l.w.crash(l, crash)
	}
	_ = sleep(ctx, took/2) // it is done, whoever waits for it
	switch lives, _ := l.standing(); {
	case !lives:
		return none, errDead
	case fate == unanswered && err == nil:
		return none, unavailable
	}
	return result, err
}

// String names a fate in a trace.
func (f fate) String() string {
	return [...]string{"done", "fails", "is done, and not answered", "fails, and is done later", "is refused", "the process dies before it is done",
		"the process dies when it is done"}[f]
}

// String names the life of a node.
func (l *link) String() string {
	if l == nil {
		return "nobody"
	}
	return fmt.Sprintf("node %d in life %d", l.slot, l.life)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass lets simulated time go by.
func pass(d time.Duration) { <-time.After(d) }

// nothing is what a verb gives that gives only an error.
type nothing struct{}

func act(ctx context.Context, l *link, verb string, do func() error) error {
	_, err := call(ctx, l, verb, true, func() (nothing, error) { return nothing{}, do() })
	return err
}

func (l *link) Join(ctx context.Context, p store.Join) (store.Session, error) {
	p.Now, p.Until = l.lease(p.Now, p.Now), l.lease(p.Until, p.Now)
	return call(ctx, l, "join", true, func() (store.Session, error) { return l.Store.Join(context.Background(), p) })
}

func (l *link) Renew(ctx context.Context, p store.Renew) error {
	p.Now, p.Until = l.lease(p.Now, p.Now), l.lease(p.Until, p.Now)
	return act(ctx, l, "renew", func() error { return l.Store.Renew(context.Background(), p) })
}

func (l *link) EndSessions(ctx context.Context, p store.EndSessions) (int, error) {
	p.Now = l.lease(p.Now, p.Now)
	return call(ctx, l, "end sessions", true, func() (int, error) { return l.Store.EndSessions(context.Background(), p) })
}

func (l *link) Accept(ctx context.Context, p store.Accept) (store.AcceptResult, error) {
	p.Now = l.clock(p.Now, p.Now)
	return call(ctx, l, "accept", true, func() (store.AcceptResult, error) {
		result, err := l.Store.Accept(context.Background(), p)
		l.hintWaiting(p.Items)
		return result, err
	})
}

func (l *link) Backlog(ctx context.Context, p store.Backlog) ([]store.Waiting, error) {
	waiting, err := call(ctx, l, "backlog", false, func() ([]store.Waiting, error) { return l.Store.Backlog(context.Background(), p) })
	for i := range waiting {
		waiting[i].DueAt = l.local(waiting[i].DueAt)
	}
	return waiting, err
}

func (l *link) Claim(ctx context.Context, p store.Claim) (store.Claimed, error) {
	p.Now = l.clock(p.Now, p.Now)
	claimed, err := call(ctx, l, "claim", true, func() (store.Claimed, error) {
		claimed, err := l.Store.Claim(context.Background(), p)
		l.w.claimed(p.WebhookID, len(claimed.Deliveries))
		return claimed, err
	})
	claimed.NextDue, claimed.HeldBack = l.local(claimed.NextDue), l.local(claimed.HeldBack)
	return claimed, err
}

func (l *link) Release(ctx context.Context, p store.Release) error {
	return act(ctx, l, "release", func() error {
		err := l.Store.Release(context.Background(), p)
		for _, ref := range p.Attempts {
			l.hint(store.Hint{Waiting: []carteiro.ID{ref.WebhookID}})
		}
		return err
	})
}

func (l *link) Held(ctx context.Context, p store.Held) ([]store.AttemptRef, error) {
	return call(ctx, l, "held", false, func() ([]store.AttemptRef, error) { return l.Store.Held(context.Background(), p) })
}

func (l *link) Record(ctx context.Context, p store.Record) ([]store.Recorded, error) {
	p.Now = l.clock(p.Now, p.Now)
	results := make([]store.Result, len(p.Results))
	for i, r := range p.Results {
		if r.Next != nil {
			next := *r.Next
			next.DueAt = l.clock(next.DueAt, time.Now())
			r.Next = &next
		}
		results[i] = r
	}
	p.Results = results
	recorded, err := call(ctx, l, "record", true, func() ([]store.Recorded, error) {
		outdated := l.w.outdated(&p)
		recorded, err := l.Store.Record(context.Background(), p)
		l.w.recorded(&p, recorded)
		l.w.judgeOutdated(outdated)
		l.hintRecorded(&p, recorded)
		return recorded, err
	})
	for _, r := range results {
		if err == nil && r.DisableWebhook {
			l.w.changed(l, r.Delivery.WebhookID) // if so, or if it was told so before, and was not answered
		}
	}
	return recorded, err
}

func (l *link) Retry(ctx context.Context, p store.Retry) (store.RetryResult, error) {
	p.Now = l.clock(p.Now, p.Now)
	return call(ctx, l, "retry", true, func() (store.RetryResult, error) {
		result, err := l.Store.Retry(context.Background(), p)
		if result.Delivery != nil && !p.Held {
			l.hint(store.Hint{Waiting: []carteiro.ID{p.WebhookID}})
		}
		return result, err
	})
}

func (l *link) ListNotices(ctx context.Context, p store.ListNotices) ([]carteiro.Notification, error) {
	return call(ctx, l, "list notices", false, func() ([]carteiro.Notification, error) { return l.Store.ListNotices(context.Background(), p) })
}

func (l *link) TellNotices(ctx context.Context, p store.TellNotices) ([]bool, error) {
	p.Now = l.clock(p.Now, p.Now)
	return call(ctx, l, "tell notices", true, func() ([]bool, error) {
		told, err := l.Store.TellNotices(context.Background(), p)
		for _, tiding := range p.Tidings {
			if tiding.Item != nil {
				l.hintWaiting([]store.AcceptItem{*tiding.Item})
			}
		}
		return told, err
	})
}

func (l *link) CleanDeleted(ctx context.Context, p store.CleanDeleted) (store.CleanedDeleted, error) {
	p.Now = l.clock(p.Now, p.Now)
	return call(ctx, l, "clean deleted", true, func() (store.CleanedDeleted, error) { return l.Store.CleanDeleted(context.Background(), p) })
}

func (l *link) DisableFailing(ctx context.Context, p store.DisableFailing) ([]*carteiro.Webhook, error) {
	p.OpenedBefore, p.Now = l.clock(p.OpenedBefore, p.Now), l.clock(p.Now, p.Now)
	disabled, err := call(ctx, l, "disable failing", true, func() ([]*carteiro.Webhook, error) {
		disabled, err := l.Store.DisableFailing(context.Background(), p)
		l.w.disabled(disabled)
		l.hint(store.Hint{Webhooks: idsOf(disabled)})
		return disabled, err
	})
	for _, hook := range disabled {
		l.w.changed(l, hook.ID)
	}
	return disabled, err
}

func (l *link) GetOwner(ctx context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	return call(ctx, l, "get owner", false, func() (carteiro.Owner, error) { return l.Store.GetOwner(context.Background(), ref) })
}

func (l *link) GetWebhook(ctx context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	return call(ctx, l, "get webhook", false, func() (*carteiro.Webhook, error) { return l.Store.GetWebhook(context.Background(), id) })
}

func (l *link) ListWebhooks(ctx context.Context, ref store.OwnerRef) ([]*carteiro.Webhook, error) {
	return call(ctx, l, "list webhooks", false, func() ([]*carteiro.Webhook, error) { return l.Store.ListWebhooks(context.Background(), ref) })
}

func (l *link) UpdateWebhook(ctx context.Context, p store.UpdateWebhook) error {
	changed := *p.Webhook // a call that is carried out late must not write into what its caller has
	err := act(ctx, l, "update webhook", func() error {
		err := l.Store.UpdateWebhook(context.Background(), store.UpdateWebhook{Webhook: &changed, Audit: p.Audit})
		if err == nil {
			l.w.stored(&changed)
			l.hint(store.Hint{Webhooks: []carteiro.ID{changed.ID}, Owners: []store.OwnerRef{l.w.ownerOf(&changed)}})
		}
		return err
	})
	if err == nil {
		p.Webhook.Version = changed.Version
	}
	return err
}

func (l *link) DeleteOwner(ctx context.Context, p store.DeleteOwner) ([]carteiro.ID, error) {
	p.Now = l.clock(p.Now, p.Now)
	return call(ctx, l, "delete owner", true, func() ([]carteiro.ID, error) {
		deleted, err := l.Store.DeleteOwner(context.Background(), p)
		l.w.touched(deleted...)
		l.hint(store.Hint{Webhooks: deleted, Owners: []store.OwnerRef{p.OwnerRef}})
		return deleted, err
	})
}
