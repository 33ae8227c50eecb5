package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

func openLimited(t *testing.T, url string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// occupy has so many transactions in progress at once on the pool, as many as there are connections, and gives what ends them.
func occupy(t *testing.T, s *Store, n int) (release func()) {
	t.Helper()
	var all sync.WaitGroup
	held, end := make(chan error, n), make(chan struct{})
	for range n {
		all.Go(func() {
			err := s.inTx(context.Background(), func(tx *tx) error {
				err := tx.row(`SELECT 1`)(new(int))
				held <- err
				<-end
				return err
			})
			if err != nil {
				held <- err
			}
		})
	}
	for range n {
		if err := <-held; err != nil {
			t.Fatal(err)
		}
	}
	return func() { close(end); all.Wait() }
}

// With fewer connections than it is configured for, a node reads and writes on those that it gets.
func TestANodeWorksOnTheConnectionsThatItGets(t *testing.T) {
	s, ids, now := openLimited(t, postgrestest.Limited(t, 6), Options{Connections: 16}), new(carteiro.IDSource), time.Now()
	accept := func() {
		_, err := s.Accept(t.Context(), store.Accept{Now: now, Items: []store.AcceptItem{{Event: &carteiro.Event{
			ID: ids.New(now), OwnerKind: carteiro.OwnerAgent, Type: "event_action", Payload: []byte(`{}`),
		}}}})
		if err != nil {
			t.Errorf("accepting: %v", err)
		}
	}
	accept()                   // makes the day's tables
	release := occupy(t, s, 3) // with the writers' two there is one more at most
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.ListEnvironments(t.Context()); err != nil {
				t.Errorf("reading: %v", err)
			}
		})
	}
	all.Go(func() {
		accept()
		release()
	})
	all.Wait()
}

// Writers whose own connections are lost, and cannot be had again, write on the others.
func TestWritersShareTheConnectionsThatAreLeft(t *testing.T) {
	limited := postgrestest.Limited(t, 4)
	s := openLimited(t, limited, Options{Connections: 16})
	s.commits.Reset() // and somebody else takes what they leave
	for taken := 0; taken+int(s.pool.Stat().TotalConns()) < 4; {
		if more, err := pgx.Connect(t.Context(), limited); err == nil {
			taken++
			t.Cleanup(func() { _ = more.Close(context.Background()) })
		}
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("writing on what is left: %v", err)
	}
}

// Readiness covers the writers: they may be unable to write where others can.
func TestReadinessAsksTheWriters(t *testing.T) {
	for name, writer := range map[string]func(*Store) func(func() error){
		"accepts": func(s *Store) func(func() error) { return func(probe func() error) { s.accepts.probe = probe } },
		"records": func(s *Store) func(func() error) { return func(probe func() error) { s.records.probe = probe } },
	} {
		t.Run(name, func(t *testing.T) {
			s := openURL(t, postgrestest.Database(t, ""))
			broken := errors.New("the test has broken it")
			writer(s)(func() error { return broken })
			if err := s.Ping(t.Context()); !errors.Is(err, broken) {
				t.Errorf("ping says %v", err)
			}
		})
	}
}

func TestAProbeOfAWriterWrites(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	pings := func() (n int) {
		err := s.read(t.Context(), func(tx *tx) error { return tx.row(`SELECT n FROM ping`)(&n) })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pings()
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := pings() - before; n != 3 {
		t.Errorf("%d writes, want one on the pool and one of each writer", n)
	}
}

func TestANodeSaysWhyItGetsNoConnection(t *testing.T) {
	limited := postgrestest.Limited(t, 1)
	other, err := pgx.Connect(t.Context(), limited)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	_, err = Open(t.Context(), limited, Options{Shared: true})
	var told *Error
	if !errors.As(err, &told) || told.Code != CodeConnections || !strings.Contains(told.Hint, "max_connections") {
		t.Errorf("error is %v", err)
	}
}

// A server that starts while others have all connections waits for one that they close.
func TestAServerWaitsForAConnectionWhenItStarts(t *testing.T) {
	limited := postgrestest.Limited(t, 3)
	other, err := pgx.Connect(t.Context(), limited)
	if err != nil {
		t.Fatal(err)
	}
	warned := make(chan string, 100)
	opened := make(chan *Store)
	go func() {
		s, err := Open(t.Context(), limited, Options{Warn: func(message string, _ ...any) { warned <- message }})
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	if message := <-warned; message != "waiting for a PostgreSQL connection" {
		t.Errorf("it warns: %s", message)
	}
	if err := other.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := <-opened; s != nil {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAServerWarnsWhenThereAreTooFewConnectionsForAllNodes(t *testing.T) {
	for _, test := range []struct {
		limit, connections, others int
		warns                      string
	}{
		{40, 16, 0, ""},
		{40, 16, 1, ""},
		{40, 16, 2, "nodes=3 per_node=16 needed=48 available=40"},
		{15, 16, 0, "nodes=1 per_node=16 needed=16 available=15"},
		{16, 16, 0, ""},
	} {
		limited := postgrestest.Limited(t, test.limit)
		first := openLimited(t, limited, Options{Connections: MinConnections})
		for range test.others {
			if _, err := first.Join(t.Context(), store.Join{Node: "other", Now: time.Now(), Until: time.Now().Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		var said []string
		openLimited(t, limited, Options{Connections: test.connections, Warn: func(_ string, args ...any) {
			said = append(said, fmt.Sprintf("%v=%v %v=%v %v=%v %v=%v", args...))
		}})
		if got := strings.Join(said, "\n"); got != test.warns {
			t.Errorf("limit %d, %d others: warned %q, want %q", test.limit, test.others, got, test.warns)
		}
	}
}

func TestLostSlotsComeBackOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(3)
		available := func() (n int) {
			for len(s.free) > 0 {
				<-s.free
				n++
			}
			for range n {
				s.free <- struct{}{}
			}
			return n
		}
		refuse := func() bool {
			if err := s.take(t.Context()); err != nil {
				t.Fatal(err)
			}
			return s.drop()
		}
		for i, want := range []int{2, 1, 1} {
			if dropped := refuse(); dropped != (i < 2) || available() != want {
				t.Fatalf("%d slots after %d refusals, dropped %v", available(), i+1, dropped)
			}
		}
		for _, want := range []int{1, 2, 3, 3} {
			if err := s.take(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.release()
			if n := available(); n != want {
				t.Fatalf("%d slots, want %d", n, want)
			}
			<-time.After(growEvery)
		}
	})
}
