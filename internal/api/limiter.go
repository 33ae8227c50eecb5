package api

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/carteiro/carteiro"
)

// window is how long requests are counted before the count begins anew. All windows begin with the minute.
const window = time.Minute

// maxAddresses bounds how many addresses are counted one by one in a window; those beyond share one count.
const maxAddresses = 10_000

// noLimit is what the headers say where there is none.
const noLimit = math.MaxInt32

// caller is whom a request is counted for: an environment, the operator or, without a valid token, an address.
type caller struct {
	environment carteiro.ID
	operator    bool
	address     netip.Addr
}

// limiter counts requests. It is safe for concurrent use.
type limiter struct {
	limit     int
	limitText []string

	mu        sync.Mutex
	window    int64 // number of the present window since 1970
	resetText []string
	counts    map[caller]*count
	addresses int // how many of counts are those of addresses
}

// count is what one caller has used up of the window. The text is kept because publishing, which does not count, needs
// it ten thousand times a second.
type count struct {
	used          int
	remainingText []string
}

func newLimiter(limit int) *limiter {
	l := &limiter{limit: limit, counts: make(map[caller]*count)}
	if l.limit <= 0 {
		l.limit = noLimit
	}
	l.limitText = []string{strconv.Itoa(l.limit)}
	return l
}

// admit says how long the caller has to wait, 0 when it has not, and tells in the headers where it stands. spend says
// whether the request counts; one that does not is always admitted.
func (l *limiter) admit(h http.Header, who caller, spend bool, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	c := l.count(who)
	switch {
	case !spend || l.limit == noLimit:
	case c.used >= l.limit:
		wait = time.Unix((l.window+1)*int64(window/time.Second), 0).Sub(now)
	default:
		c.used++
		c.remainingText = nil
	}
	if c.remainingText == nil {
		c.remainingText = []string{strconv.Itoa(l.limit - c.used)}
	}
	// Written as the contract spells them, not as net/http would.
	h["X-RateLimit-Limit"] = l.limitText
	h["X-RateLimit-Remaining"] = c.remainingText
	h["X-RateLimit-Reset"] = l.resetText
	return wait
}

// turn begins a new window if the present one is over.
func (l *limiter) turn(now time.Time) {
	number := now.Unix() / int64(window/time.Second)
	if number == l.window && l.resetText != nil {
		return
	}
	l.window, l.addresses = number, 0
	l.resetText = []string{strconv.FormatInt((number+1)*int64(window/time.Second), 10)}
	clear(l.counts)
}

func (l *limiter) count(who caller) *count {
	if l.limit == noLimit {
		who = caller{}
	}
	c, ok := l.counts[who]
	if ok {
		return c
	}
	if who.environment.IsZero() && who.address.IsValid() {
		if l.addresses >= maxAddresses {
			return l.count(caller{})
		}
		l.addresses++
	}
	c = new(count)
	l.counts[who] = c
	return c
}
