package dispatch

import (
	"container/heap"
	"container/list"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/eviction"
	"github.com/carteiro/carteiro/internal/send"
)

// lane is the queue of one webhook: what is held in memory to be sent, how much of it may be in flight, and when to
// ask the store for more. Its fields are guarded by the dispatcher's mutex. A lane without work has no goroutine and
// no timer.
type lane struct {
	webhookID carteiro.ID
	queue     deque
	reserved  int // places promised to deliveries that are being committed
	inFlight  int // attempts that have a slot
	aged      int // of those, attempts that have been with the sender for slowAfter
	direct    int // attempts without a slot; see TakeNow
	heldBytes int // of all that is queued, reserved, in flight or being recorded
	limit     limit

	line      *list.Element // the lane's place in line for a slot; nil when it does not wait
	lineClass class         // which line that is
	turn      bool          // it has come first in line, and may pass the others once

	// wakeAt is when the first attempt that nobody holds falls due, as far as this node knows; zero when there is none.
	wakeAt time.Time
	// claimAt is when the lane is to claim: at wakeAt, or since when it might have if that is over. Lanes claim in this
	// order, so that no backlog, however old, goes before what has waited for its turn longer.
	claimAt  time.Time
	claiming bool   // a claim is under way; what is noticed meanwhile goes to wakeAt and is merged with its answer
	claim    uint64 // the number of the last claim
	// heldBack is set while the webhook's circuit holds something back: what comes in waits in the store, and nothing is
	// claimed before. A claim that finds the circuit closed sets it to zero.
	heldBack time.Time
	// stale is set when the circuit may have changed while a claim is under way, which may have read it before.
	stale bool
	index int // in the schedule; -1 when not in it

	deleted   bool // the webhook is deleted: what is queued is finished unsent
	finishing bool // a goroutine does so

	// target is the webhook compiled, and webhook what it was compiled from; nil after an eviction. kept counts them in the bytes of
	// all lanes.
	webhook *carteiro.Webhook
	target  *send.Target
	kept    *eviction.Item
}

func newLane(id carteiro.ID) *lane { return &lane{webhookID: id, index: -1} }

func (l *lane) held() int { return l.queue.len() + l.reserved }

// window is how many deliveries the lane claims ahead of what is in flight: enough that a quick receiver never waits
// for the store, and for one that is not trusted just enough to keep its few slots busy. The rest waits in the store,
// where it costs no memory.
func (l *lane) window() int {
	if l.trusted() {
		return maxClaim
	}
	return 4 * l.allows()
}

// allows is how many attempts the lane may have in flight now.
func (l *lane) allows() int {
	if l.aging() {
		return min(l.limit.allows(), firstLimit)
	}
	return l.limit.allows()
}

// aging reports whether so many of the lane's attempts in flight are slow that its receiver may have stopped answering,
// whatever it answered before.
func (l *lane) aging() bool { return agedShare*l.aged > l.inFlight }

// trusted reports whether the lane's receiver succeeds quickly, so that it may use more memory.
func (l *lane) trusted() bool { return l.limit.trusted && !l.aging() }

// class is what the lane's next attempt needs a slot as.
func (l *lane) class() class {
	first := l.inFlight == 0
	switch {
	case l.limit.quick && !l.aging():
		if first {
			return quickFirst
		}
		return quickMore
	case first && !l.limit.heard && (l.queue.len() == 0 || !l.queue.first().Probe):
		return newFirst
	case first:
		return slowFirst
	default:
		return slowMore
	}
}

// excess takes out of the queue what the lane holds beyond its window: it was quick, and may hold most of the memory.
func (l *lane) excess() (back []*carteiro.Delivery) {
	if !l.aging() {
		return nil
	}
	for range l.queue.len() - l.window() {
		back = append(back, l.queue.popLast())
	}
	return back
}

// backlogged says whether attempts that nobody holds are due: what comes in now must queue up behind them.
func (l *lane) backlogged(now time.Time) bool {
	return l.claiming || (!l.wakeAt.IsZero() && !l.wakeAt.After(now))
}

// notice takes down that an attempt nobody holds is due at t.
func (l *lane) notice(t time.Time) {
	if t.Before(l.heldBack) {
		t = l.heldBack
	}
	if l.wakeAt.IsZero() || t.Before(l.wakeAt) {
		l.wakeAt = t
	}
}

func (l *lane) idle() bool {
	return l.heldBytes == 0 && l.inFlight+l.direct == 0 && l.wakeAt.IsZero() && !l.claiming && l.line == nil
}

// maxIdleQueue is how many places an empty queue may keep, so that a burst does not cost memory ever after.
const maxIdleQueue = 64

// deque is a queue of deliveries that some may jump.
type deque struct {
	items []*carteiro.Delivery
	head  int
}

func (q *deque) len() int { return len(q.items) - q.head }

func (q *deque) push(d *carteiro.Delivery) {
	if q.head > len(q.items)/2 {
		q.items = append(q.items[:0:0], q.items[q.head:]...)
		q.head = 0
	}
	q.items = append(q.items, d)
}

func (q *deque) pushFront(d *carteiro.Delivery) {
	if q.head == 0 {
		q.items = append([]*carteiro.Delivery{nil}, q.items...)
		q.head = 1
	}
	q.head--
	q.items[q.head] = d
}

// first is the one that pop would give, of a queue that is not empty.
func (q *deque) first() *carteiro.Delivery { return q.items[q.head] }

func (q *deque) pop() *carteiro.Delivery {
	d := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	if q.head == len(q.items) {
		q.head = 0
		if q.items = q.items[:0]; cap(q.items) > maxIdleQueue {
			q.items = nil
		}
	}
	return d
}

// popLast takes the delivery that pop would give last.
func (q *deque) popLast() *carteiro.Delivery {
	last := len(q.items) - 1
	d := q.items[last]
	q.items[last] = nil
	q.items = q.items[:last]
	return d
}

// schedule orders the lanes that wait for a time, soonest first.
type schedule []*lane

// Len, Less, Swap, Push and Pop are container/heap's.
func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].claimAt.Before(s[j].claimAt) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements heap.Interface.
func (s *schedule) Push(x any) {
	l := x.(*lane)
	l.index = len(*s)
	*s = append(*s, l)
}

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	l := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	l.index = -1
	return l
}

// put places a lane by its wakeAt, whether it was in the schedule or not. One whose turn has come keeps its place.
func (s *schedule) put(l *lane, now time.Time) {
	due := l.wakeAt
	if due.Before(now) {
		due = now
	}
	if l.index < 0 || due.After(now) || l.claimAt.After(now) {
		l.claimAt = due
	}
	if l.index >= 0 {
		heap.Fix(s, l.index)
		return
	}
	heap.Push(s, l)
}
