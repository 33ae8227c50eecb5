package postgres

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// A bulk retry and people who retry by hand, on two nodes at once: each entry is retried once.
func TestABulkRetryOnTwoNodesComesToEachEntryOnce(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	session := c.join(c.a)
	const entries = 200
	failed := make([]*carteiro.Delivery, entries)
	for i := range failed {
		failed[i] = c.publish(c.a, session, hook.ID)
	}
	c.record(c.a, session, false, failed...)
	c.now = c.now.Add(time.Second)
	job, err := c.a.CreateBulkRetry(t.Context(), store.CreateBulkRetry{
		OwnerRef: c.owner, ID: c.ids.New(c.now), WebhookID: hook.ID, Matched: entries, Now: c.now,
	})
	c.ok(err)
	ref := store.BulkRef{WebhookID: hook.ID, ID: job.ID}

	// As long as one node has the step the other has none, and does not wait for it.
	c.ok(c.a.inTx(t.Context(), func(held *tx) error {
		if _, _, err := sqlstore.FindDueBulk(held, c.now); err != nil {
			return err
		}
		step, err := c.b.StepBulkRetry(t.Context(), c.step(10, 5))
		if step.Job != nil || step.Retried != 0 || step.NextDue.IsZero() {
			t.Errorf("a step that another node is taking: %+v", step)
		}
		return err
	}))

	var all sync.WaitGroup
	var byJob, byHand atomic.Int64
	for _, s := range []*Store{c.a, c.b, c.a, c.b} {
		all.Go(func() {
			for {
				step, err := s.StepBulkRetry(t.Context(), c.step(10, 5))
				byJob.Add(int64(step.Retried))
				if err != nil || step.NextDue.IsZero() {
					c.wantNil(err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for i := entries - 1; i >= 0; i -= 3 {
			result, err := c.b.Retry(t.Context(), store.Retry{
				LogRef: store.LogRef{OwnerRef: c.owner, WebhookID: hook.ID, LogID: failed[i].ID}, Now: c.now, NotBefore: c.now.Add(-time.Hour),
				NewID: c.ids.New(c.now), Trigger: carteiro.TriggerManual,
			})
			c.wantNil(err)
			if result.Delivery != nil {
				byHand.Add(1)
			}
		}
	})
	all.Wait()
	job, err = c.b.GetBulkRetry(t.Context(), ref)
	c.ok(err)
	if job.Status != carteiro.BulkDone || int64(job.Retried) != byJob.Load() || int64(job.Skipped.InProgress) != byHand.Load() {
		t.Errorf("%+v, %d retried by the job, %d by hand", job, byJob.Load(), byHand.Load())
	}
	if n := byJob.Load() + byHand.Load(); n != entries || c.total(hook.ID, carteiro.StatusPending) != entries {
		t.Errorf("%d of %d were retried, and %d wait", n, entries, c.total(hook.ID, carteiro.StatusPending))
	}
	wantConsistent(t, c.a)
}

// What a step opens it knows of when it comes to another entry of the same event, also in a later look into the database.
func TestABulkRetryRetriesAnEventOnceWhateverItsEntries(t *testing.T) {
	c := newCluster(t)
	hook := c.webhook()
	session := c.join(c.a)
	one, other := c.publish(c.a, session, hook.ID), c.publish(c.a, session, hook.ID)
	c.record(c.a, session, false, one, other)
	for _, d := range []*carteiro.Delivery{one, other} {
		c.now = c.now.Add(time.Second)
		again, err := c.a.Retry(t.Context(), store.Retry{
			LogRef: store.LogRef{OwnerRef: c.owner, WebhookID: hook.ID, LogID: d.ID}, Now: c.now, NotBefore: c.now.Add(-time.Hour),
			NewID: c.ids.New(c.now), Trigger: carteiro.TriggerManual, Session: session, Held: true,
		})
		c.ok(err)
		c.record(c.a, session, d == other, again.Delivery)
	}
	c.now = c.now.Add(time.Second)
	_, err := c.a.CreateBulkRetry(t.Context(), store.CreateBulkRetry{OwnerRef: c.owner, ID: c.ids.New(c.now), WebhookID: hook.ID, Now: c.now})
	c.ok(err)
	step, err := c.a.StepBulkRetry(t.Context(), c.step(10, 2))
	c.ok(err)
	want := carteiro.BulkSkips{InProgress: 1} // the other event was delivered before the job, so that it does not match
	if step.Job == nil || step.Retried != 1 || step.Job.Skipped != want || step.Job.Status != carteiro.BulkDone {
		t.Errorf("%+v", step)
	}
	wantConsistent(t, c.a)
}

// step is a step that may be followed by the next one at once.
func (c *cluster) step(look, retries int) store.StepBulkRetry {
	p := store.StepBulkRetry{Now: c.now, DueAt: c.now, NotBefore: c.now.Add(-time.Hour), Look: look}
	for range retries {
		p.NewIDs = append(p.NewIDs, c.ids.New(c.now))
	}
	return p
}

// wantNil is ok for other goroutines than the test's.
func (c *cluster) wantNil(err error) {
	if err != nil {
		c.t.Error(err)
	}
}
