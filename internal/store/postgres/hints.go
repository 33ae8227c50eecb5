package postgres

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// Nodes tell each other by NOTIFY what the others would find by themselves, only later: that attempts wait which any of
// them may claim, and that something was changed that they may have in memory. A change is told in its own transaction.
// What waits is told a moment later and in a bundle, because commits that notify stand in one line.

// channel is what nodes notify and listen to.
const channel = "carteiro"

const (
	// tellEvery is how long what waits is gathered before it is told.
	tellEvery = 50 * time.Millisecond
	// maxTold is how many ids go into one notification, which may have 8,000 bytes.
	maxTold = 100
	// listenAgain is left between two tries to listen.
	listenAgain = time.Second
)

// hint is a store.Hint on the wire.
type hint struct {
	From     string        `json:"from"` // who tells, and need not hear
	Waiting  []carteiro.ID `json:"waiting,omitempty"`
	Webhooks []carteiro.ID `json:"webhooks,omitempty"`
	Owner    *ownerRef     `json:"owner,omitempty"`
}

type ownerRef struct {
	Environment carteiro.ID        `json:"environment"`
	Kind        carteiro.OwnerKind `json:"kind"`
	ID          carteiro.ID        `json:"id"`
}

const notify = `SELECT pg_notify($1, $2)`

// tell tells the other nodes of a change, once the transaction is committed.
func (t *tx) tell(from string, c sqlstore.Change) error {
	owner := &ownerRef{c.Owner.EnvironmentID, c.Owner.Kind, c.Owner.ID}
	for first := true; first || len(c.Webhooks) > 0; first = false {
		n := min(len(c.Webhooks), maxTold)
		if err := t.notify(hint{From: from, Owner: owner, Webhooks: c.Webhooks[:n]}); err != nil {
			return err
		}
		c.Webhooks = c.Webhooks[n:]
	}
	return nil
}

func (t *tx) notify(h hint) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = t.run(notify, channel, string(text))
	return err
}

// teller gathers what waits and tells it.
type teller struct {
	name string // of this node, among those that listen
	tell func(hint) error

	mu     sync.Mutex
	wait   map[carteiro.ID]bool // whether it was changed, too
	wake   chan struct{}        // has room for one: there is something to tell, or it is closed
	closed bool
	ended  sync.WaitGroup
}

func startTeller(name string, tell func(hint) error) *teller {
	t := &teller{name: name, tell: tell, wait: make(map[carteiro.ID]bool), wake: make(chan struct{}, 1)}
	t.ended.Go(t.loop)
	return t
}

// waiting says that webhooks have attempts due that nobody holds.
func (t *teller) waiting(webhooks []carteiro.ID) {
	if len(webhooks) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range webhooks {
		if !t.wait[id] { // it stays changed if it was
			t.wait[id] = false
		}
	}
	t.signal()
}

// changed says that webhooks were changed, so that their attempts may wait for others no longer.
func (t *teller) changed(webhooks []carteiro.ID) {
	if len(webhooks) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range webhooks {
		t.wait[id] = true
	}
	t.signal()
}

func (t *teller) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *teller) close() {
	t.mu.Lock()
	t.closed = true
	t.signal()
	t.mu.Unlock()
	t.ended.Wait()
}

func (t *teller) loop() {
	for range t.wake {
		for {
			webhooks, changed, closed := t.take()
			if len(webhooks) > 0 {
				// Others find out by themselves when this fails, only later.
				_ = t.tell(hint{From: t.name, Waiting: webhooks, Webhooks: changed})
			}
			if closed {
				return
			}
			if len(webhooks) == 0 {
				break
			}
			time.Sleep(tellEvery) //nolint:forbidigo // it is what the teller is to do here
		}
	}
}

// take gives some of what waits.
func (t *teller) take() (webhooks, changed []carteiro.ID, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, isChanged := range t.wait {
		if len(webhooks)+len(changed) >= maxTold {
			break
		}
		webhooks = append(webhooks, id)
		if isChanged {
			changed = append(changed, id)
		}
		delete(t.wait, id)
	}
	return webhooks, changed, t.closed
}

// Listen implements [store.Shared].
func (s *Store) Listen(ctx context.Context, hear func(store.Hint)) {
	for ctx.Err() == nil {
		_ = s.listen(ctx, hear) // the next try tells; whoever waits for hints only waits longer
		timer := time.NewTimer(listenAgain)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// listen listens until its connection breaks.
func (s *Store) listen(ctx context.Context, hear func(store.Hint)) error {
	c, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(closing) // nothing is lost with it
	}()
	if _, err := c.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	// What was told while nobody listened is lost.
	hear(store.Hint{Lost: true})
	for {
		told, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		var h hint
		if json.Unmarshal([]byte(told.Payload), &h) != nil || h.From == s.hints.name {
			continue
		}
		heard := store.Hint{Waiting: h.Waiting, Webhooks: h.Webhooks}
		if h.Owner != nil {
			heard.Owners = []store.OwnerRef{{EnvironmentID: h.Owner.Environment, Kind: h.Owner.Kind, ID: h.Owner.ID}}
		}
		hear(heard)
	}
}
