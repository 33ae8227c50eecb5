package postgres

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// other is a transaction of another program, or of another node, that the tests keep open.
type other struct {
	t *testing.T
	pgx.Tx
}

// begin begins a transaction on a connection of its own.
func (c *cluster) begin() other {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.url)
	c.ok(err)
	c.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(c.t.Context(), `SET search_path TO `+schema)
	c.ok(err)
	tx, err := conn.Begin(c.t.Context())
	c.ok(err)
	return other{c.t, tx}
}

func (o other) exec(sql string, args ...any) {
	o.t.Helper()
	if _, err := o.Exec(o.t.Context(), sql, args...); err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
}

func (o other) commit() {
	o.t.Helper()
	if err := o.Commit(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

// awaitBlocked returns once another connection waits for a lock of this transaction.
func (o other) awaitBlocked() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 30*time.Second)
	defer cancel()
	for blocked := false; !blocked; {
		err := o.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`).Scan(&blocked)
		if err != nil {
			o.t.Fatalf("nobody waits for the transaction: %v", err)
		}
	}
}

// lockedByOthers gives the modes of locks that other connections hold on a table, its partitions included.
func (o other) lockedByOthers(table string) (modes []string) {
	o.t.Helper()
	rows, err := o.Query(o.t.Context(), `SELECT DISTINCT mode FROM pg_locks WHERE granted AND pid <> pg_backend_pid() AND relation IN
		(SELECT $1::regclass UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass)`, table)
	if err == nil {
		modes, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return modes
}

func TestAKeyThatIsBeingRenewedIsNotPurged(t *testing.T) {
	c := newCluster(t)
	key := &store.Key{EnvironmentID: c.owner.EnvironmentID, Key: "k", ExpiresAt: c.now.Add(time.Hour)}
	_, err := c.a.Accept(t.Context(), store.Accept{Now: c.now, Key: key})
	c.ok(err)
	then := key.ExpiresAt.Add(time.Minute)
	renewal := c.begin()
	renewal.exec(`UPDATE idempotency SET expires_at = $1`, then.Add(time.Hour))
	// It neither waits for the renewal nor deletes the key.
	_, err = c.b.Purge(t.Context(), store.Purge{Now: then, Before: c.now.Add(-day), Limit: 10})
	c.ok(err)
	renewal.commit()
	result, err := c.a.Accept(t.Context(), store.Accept{Now: then, Key: key})
	c.ok(err)
	if result.Replay == nil {
		t.Error("the renewed key is gone")
	}
}

// What a group disables and what it notes the health of is locked in one order, whichever comes first.
func TestDisablingLocksWebhooksInTheOrderOfTheirIDs(t *testing.T) {
	c := newCluster(t)
	session := c.join(c.a)
	first, second := c.webhook(), c.webhook()
	one, two := c.publish(c.a, session, first.ID), c.publish(c.a, session, second.ID)
	before := c.begin()
	before.exec(`SELECT FROM webhooks WHERE id = $1 FOR UPDATE`, [16]byte(first.ID))
	var all sync.WaitGroup
	all.Go(func() {
		failed := &carteiro.Outcome{Reason: carteiro.ReasonHTTPStatus, HTTPStatus: 410, FinishedAt: c.now}
		_, err := c.a.Record(t.Context(), store.Record{Session: session, Now: c.now, Results: []store.Result{
			{Delivery: two, Outcome: failed, Version: 1, DisableWebhook: true, Audit: &carteiro.AuditEntry{ID: c.ids.New(c.now), EnvironmentID: c.owner.EnvironmentID}},
			{Delivery: one, Outcome: failed, Version: 1},
		}})
		if err != nil {
			t.Error(err)
		}
	})
	before.awaitBlocked()
	before.exec(`SELECT FROM webhooks WHERE id = $1 FOR UPDATE NOWAIT`, [16]byte(second.ID))
	before.commit()
	all.Wait()
	if w, err := c.b.GetWebhook(t.Context(), second.ID); err != nil || w.Enabled {
		t.Errorf("the second webhook is enabled: %v, %v", w.Enabled, err)
	}
}

// oldDay gives a cluster with a finished attempt of a day that can be purged, and what purges it.
func oldDay(t *testing.T) (c *cluster, hook *carteiro.Webhook, purge func() error) {
	c = newCluster(t)
	session := c.join(c.a)
	hook = c.webhook()
	c.record(c.a, session, true, c.publish(c.a, session, hook.ID))
	c.now = c.now.Add(3 * day)
	return c, hook, func() error {
		for more := true; more; {
			var err error
			if more, err = c.b.Purge(t.Context(), store.Purge{Now: c.now, Before: c.now.Add(-day), Limit: 10}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Counting takes time when there is much; nobody else may wait for it.
func TestThePurgeTakesDaysOutOfTheCountsBeforeItLocksTheTables(t *testing.T) {
	c, hook, purge := oldDay(t)
	counting := c.begin() // somebody who counts
	counting.exec(`SELECT FROM totals WHERE webhook_id = $1 FOR UPDATE`, [16]byte(hook.ID))
	var all sync.WaitGroup
	all.Go(func() {
		if err := purge(); err != nil {
			t.Error(err)
		}
	})
	counting.awaitBlocked()
	for _, table := range partitioned {
		for _, mode := range counting.lockedByOthers(table) {
			if mode != "AccessShareLock" && mode != "RowShareLock" {
				t.Errorf("%s is locked in %s while the purge waits for a count", table, mode)
			}
		}
	}
	counting.commit()
	all.Wait()
	if n := c.total(hook.ID, ""); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	wantConsistent(t, c.a)
}

// A retry reads attempts and then locks its event; a page of events reads events and then attempts. The purge must hold the
// lock of neither table while it waits for that of the other.
func TestThePurgeWaitsForOneTableAtATime(t *testing.T) {
	for _, order := range [][2]string{{"attempts", "events"}, {"events", "attempts"}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			c, hook, purge := oldDay(t)
			before := c.begin()
			before.exec(`SELECT FROM ` + order[0] + ` LIMIT 1`)
			errs := make(chan error, 1)
			go func() { errs <- purge() }()
			before.awaitBlocked()
			before.exec(`LOCK TABLE ` + order[1] + ` IN ROW SHARE MODE NOWAIT`)
			before.commit()
			if err := <-errs; err != nil {
				t.Logf("the purge gave up, and tries again later: %v", err)
				c.ok(purge())
			}
			if n := c.total(hook.ID, ""); n != 0 {
				t.Errorf("%d entries are left", n)
			}
			wantConsistent(t, c.a)
		})
	}
}

// Making a day locks the rest of both tables, one after the other.
func TestMakingADayWaitsForOneTableAtATime(t *testing.T) {
	c := newCluster(t)
	before := c.begin()
	before.exec(`SELECT FROM attempts_rest LIMIT 1`)
	then := c.now.Add(5 * day)
	made := make(chan struct{})
	go func() {
		c.a.makeDay(carteiro.MinID(then), then)
		close(made)
	}()
	before.awaitBlocked()
	before.exec(`LOCK TABLE events_rest IN ROW SHARE MODE NOWAIT`)
	before.commit()
	<-made
}

// Many counts are taken away in several transactions, and all of them.
func TestThePurgeTakesManyCountsAway(t *testing.T) {
	c := newCluster(t)
	session := c.join(c.a)
	var deliveries []*carteiro.Delivery
	for range countsAtOnce + 50 {
		deliveries = append(deliveries, c.publish(c.a, session, c.ids.New(c.now)))
	}
	c.record(c.a, session, true, deliveries...)
	c.now = c.now.Add(3 * day)
	for more := true; more; {
		var err error
		more, err = c.b.Purge(t.Context(), store.Purge{Now: c.now, Before: c.now.Add(-day), Limit: 10})
		c.ok(err)
	}
	left := c.begin()
	var counts, totals int
	c.ok(left.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM counts), (SELECT count(*) FROM totals)`).Scan(&counts, &totals))
	if counts+totals > 0 {
		t.Errorf("%d counts and %d totals are left", counts, totals)
	}
	left.commit()
	wantConsistent(t, c.a)
}

// What another transaction has in hand is passed over and not waited for: nodes that work on one queue share it.
func TestWhatAnotherNodeHasInHandIsPassedOver(t *testing.T) {
	t.Run("attempts that are being claimed", func(t *testing.T) {
		c := newCluster(t)
		hook, session := c.webhook(), c.join(c.b)
		first := c.publish(c.a, store.Session{}, hook.ID)
		second := c.publish(c.a, store.Session{}, hook.ID)
		claiming := c.begin()
		claiming.exec(`SELECT FROM open WHERE id = $1 FOR UPDATE`, [16]byte(first.ID))
		claimed, err := c.b.Claim(t.Context(), store.Claim{Session: session, WebhookID: hook.ID, Now: c.now.Add(time.Second), Limit: 10, MaxBytes: 1 << 20})
		c.ok(err)
		if len(claimed.Deliveries) != 1 || claimed.Deliveries[0].ID != second.ID {
			t.Errorf("%d claimed", len(claimed.Deliveries))
		}
		claiming.commit()
	})
	t.Run("a session that is being used", func(t *testing.T) {
		c := newCluster(t)
		session := c.join(c.a)
		using := c.begin()
		using.exec(`UPDATE sessions SET until = clock_timestamp() - interval '1 minute'`)
		using.commit()
		using = c.begin()
		using.exec(`SELECT FROM sessions WHERE id = $1 FOR KEY SHARE`, session.ID)
		_, err := c.b.EndSessions(t.Context(), store.EndSessions{Now: c.now.Add(time.Hour)})
		c.ok(err)
		using.commit()
		c.ok(c.a.Renew(t.Context(), store.Renew{Session: session, Now: c.now, Until: c.now.Add(time.Minute)}))
	})
	t.Run("a job that is being taken on", func(t *testing.T) {
		c := newCluster(t)
		for range 2 {
			_, err := c.a.CreateBulkRetry(t.Context(), store.CreateBulkRetry{OwnerRef: c.owner, ID: c.ids.New(c.now), WebhookID: c.webhook().ID, Now: c.now})
			c.ok(err)
		}
		taking := c.begin()
		var taken [16]byte
		c.ok(taking.QueryRow(t.Context(), `SELECT id FROM bulk_retries ORDER BY due_at, webhook_id LIMIT 1 FOR UPDATE`).Scan(&taken))
		step, err := c.b.StepBulkRetry(t.Context(), store.StepBulkRetry{Now: c.now, DueAt: c.now, Look: 10, NewIDs: []carteiro.ID{c.ids.New(c.now)}})
		c.ok(err)
		if step.Job == nil || step.Job.ID == carteiro.ID(taken) {
			t.Errorf("it takes %+v", step.Job)
		}
		taking.commit()
	})
	t.Run("a webhook that is being changed", func(t *testing.T) {
		c := newCluster(t)
		changed, failing := c.webhook(), c.webhook()
		changing := c.begin()
		changing.exec(`UPDATE webhooks SET opened_at = $1, probe_at = $1`, c.now.Add(-time.Hour))
		changing.commit()
		changing = c.begin()
		changing.exec(`SELECT FROM webhooks WHERE id = $1 FOR UPDATE`, [16]byte(changed.ID))
		disabled, err := c.b.DisableFailing(t.Context(), store.DisableFailing{Now: c.now, OpenedBefore: c.now, Limit: 10})
		c.ok(err)
		if len(disabled) != 1 || disabled[0].ID != failing.ID {
			t.Errorf("%d disabled", len(disabled))
		}
		changing.commit()
	})
}

// Deleting an owner and noting the health of its webhooks lock these in one order.
func TestDeletingAnOwnerLocksWebhooksInTheOrderOfTheirIDs(t *testing.T) {
	c := newCluster(t)
	firstID := c.ids.New(c.now)
	second, first := c.webhook(), *c.webhook()
	first.ID = firstID // stored after the second
	c.ok(c.a.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: &first}))
	before := c.begin()
	before.exec(`DROP INDEX webhooks_of`) // some index may happen to give the order
	before.exec(`DROP INDEX webhooks_by_name`)
	before.commit()
	before = c.begin()
	before.exec(`SELECT FROM webhooks WHERE id = $1 FOR UPDATE`, [16]byte(first.ID))
	var all sync.WaitGroup
	all.Go(func() {
		deleted, err := c.a.DeleteOwner(t.Context(), store.DeleteOwner{OwnerRef: c.owner, Now: c.now})
		if err != nil || len(deleted) != 3 {
			t.Errorf("%d webhooks are deleted, %v", len(deleted), err)
		}
	})
	before.awaitBlocked()
	before.exec(`SELECT FROM webhooks WHERE id = $1 FOR UPDATE NOWAIT`, [16]byte(second.ID))
	before.commit()
	all.Wait()
}
