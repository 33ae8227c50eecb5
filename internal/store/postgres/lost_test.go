package postgres

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// everyConn does something to every connection that the pools may have.
func everyConn(t *testing.T, s *Store, sql string) {
	t.Helper()
	for _, pool := range []*pgxpool.Pool{s.pool, s.commits} {
		var lent []*pgxpool.Conn
		for range pool.Stat().MaxConns() {
			c, err := pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			lent = append(lent, c)
		}
		for _, c := range lent {
			if _, err := c.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
			c.Release()
		}
	}
}

// A server that became a standby is left: its connections are thrown away, and new ones are made to the primary.
func TestAServerThatCanOnlyBeReadIsLeft(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	everyConn(t, s, `SET default_transaction_read_only = on`)
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a server that can only be read: %v", err)
	}
	for range 2 * s.pool.Stat().MaxConns() {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// When the server cuts connections, as at a restart, the calls under way fail as unavailable, and the next ones go on.
func TestCutConnectionsAreMadeAnew(t *testing.T) {
	s := openURL(t, postgrestest.Database(t, ""))
	l := newLoad(t, s, 1)
	l.deliver(10, func(int) bool { return false })
	held := make(chan error, 1)
	began := make(chan struct{})
	go func() {
		held <- s.inTx(t.Context(), func(t *tx) error {
			close(began)
			_, err := t.run(`SELECT pg_sleep(60)`)
			return err
		})
	}()
	<-began
	c, err := s.pool.Acquire(t.Context())
	l.ok(err)
	_, err = c.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	l.ok(err)
	c.Release()
	if err := <-held; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a call that was cut off: %v", err)
	}
	for range 5 {
		_, err := s.Accept(t.Context(), store.Accept{Now: start, Items: []store.AcceptItem{newItem(&l.ids, l.webhooks[0])}})
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	l.deliver(10, func(int) bool { return false })
}

// A server whose disk is full says so by its code. Whoever accepts or records is to come again, and nothing of it is kept.
func TestAFullDiskIsToldAndGotOver(t *testing.T) {
	url := postgrestest.Database(t, "")
	s := openURL(t, url)
	l := newLoad(t, s, 1)
	l.deliver(10, func(int) bool { return false })
	postgrestest.Run(t, url, `CREATE FUNCTION carteiro.full() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
		CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON carteiro.open FOR EACH STATEMENT EXECUTE FUNCTION carteiro.full();
		CREATE TRIGGER full_disk BEFORE UPDATE ON carteiro.ping FOR EACH STATEMENT EXECUTE FUNCTION carteiro.full()`)
	accept := func() error {
		_, err := s.Accept(t.Context(), store.Accept{Now: l.now, Items: []store.AcceptItem{newItem(&l.ids, l.webhooks[0])}})
		return err
	}
	if err := accept(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("accepting: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("readiness: %v", err)
	}
	if n := l.rows(`SELECT count(*) FROM events`); n != 10 {
		t.Errorf("%d events, want 10", n)
	}
	postgrestest.Run(t, url, `DROP TRIGGER full_disk ON carteiro.open; DROP TRIGGER full_disk ON carteiro.ping`)
	l.ok(accept())
	l.deliver(10, func(int) bool { return false })
	wantConsistent(t, s)
}

// A database that does not answer is not waited for longer than the timeout, and its statements end with it.
func TestACallTakesNoLongerThanTheTimeout(t *testing.T) {
	s, err := Open(t.Context(), postgrestest.Database(t, ""), Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.inTx(t.Context(), func(t *tx) error {
		_, err := t.run(`SELECT pg_sleep(60)`)
		return err
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Ping(ended); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a call of one who has gone: %v", err)
	}
}

func TestOneOfSeveralHostsIsEnough(t *testing.T) {
	u, err := url.Parse(postgrestest.Database(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	u.Host = "127.0.0.1:1," + u.Host
	if err := openURL(t, u.String()).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnotherProgramsSchemaAndANewerLayoutAreLeftAlone(t *testing.T) {
	for name, made := range map[string]struct {
		sql    string
		shared bool
		want   Code
	}{
		"another program's": {`CREATE SCHEMA carteiro; CREATE TABLE carteiro.events (n int)`, false, CodeForeign},
		"a newer layout":    {`CREATE SCHEMA carteiro; CREATE TABLE carteiro.layout AS SELECT 1000 AS version`, false, CodeNewer},
		"an empty schema":   {`CREATE SCHEMA carteiro`, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			database := postgrestest.Database(t, "")
			postgrestest.Run(t, database, made.sql)
			s, err := Open(t.Context(), database, Options{Shared: made.shared})
			var refused *Error
			if errors.As(err, &refused); (err == nil) != (made.want == "") || refused != nil && refused.Code != made.want {
				t.Errorf("%v", err)
			}
			if err == nil {
				s.Close()
			}
		})
	}
}
