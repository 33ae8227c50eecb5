package directory_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/store"
)

// noted is a registry that takes down what is noted of tokens.
type noted struct {
	*registry
	mu     sync.Mutex
	writes int
	last   map[carteiro.ID]time.Time
}

func (n *noted) NoteTokenUse(_ context.Context, uses []store.TokenUse) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.writes++
	for _, use := range uses {
		n.last[use.ID] = use.At
	}
	return nil
}

func (n *noted) stored() (writes int, last map[carteiro.ID]time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.writes, maps.Clone(n.last)
}

func (n *noted) add(secret string, token carteiro.Token) carteiro.TokenHash {
	token.ID, token.Hash = ids.New(time.Now()), carteiro.HashToken(secret)
	n.tokens[token.Hash] = token
	return token.Hash
}

func TestTheLastUseOfATokenIsStoredOnceAMinuteAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &noted{registry: newRegistry(), last: make(map[carteiro.ID]time.Time)}
		parent := ids.New(time.Now())
		used, unused, ended := n.add("a", carteiro.Token{}), n.add("b", carteiro.Token{}), n.add("c", carteiro.Token{ExpiresAt: time.Now()})
		session := n.add("d", carteiro.Token{ParentID: parent, Session: true})
		d := directory.New(n, false)
		ctx, stop := context.WithCancel(t.Context())
		go d.Run(ctx)
		ask := func(hashes ...carteiro.TokenHash) {
			for _, hash := range hashes {
				if _, err := d.Token(t.Context(), hash); err != nil {
					t.Fatal(err)
				}
			}
		}
		begun := time.Now()
		for range 50 {
			ask(used, used, ended)
			time.Sleep(time.Second)
		}
		ask(session)
		if writes, _ := n.stored(); writes != 0 {
			t.Errorf("%d writes within a minute", writes)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		writes, last := n.stored()
		at, of := last[n.tokens[used].ID], last[parent]
		if writes != 1 || len(last) != 2 || !at.Equal(begun.Add(49*time.Second)) || !of.Equal(begun.Add(50*time.Second)) {
			t.Errorf("%d writes: %v", writes, last)
		}
		ask(unused)
		stop()
		synctest.Wait()
		if writes, last := n.stored(); writes != 2 || last[n.tokens[unused].ID].IsZero() {
			t.Errorf("%d writes at the end: %v", writes, last)
		}
	})
}
