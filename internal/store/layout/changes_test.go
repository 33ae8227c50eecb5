package layout

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func TestABulkRetryChangesItsStatusOnce(t *testing.T) {
	const queued, running, paused, cancelled, done = carteiro.BulkQueued, carteiro.BulkRunning, carteiro.BulkPaused, carteiro.BulkCancelled, carteiro.BulkDone
	then, now := noon.Add(time.Hour), noon.Add(2*time.Hour)
	for name, test := range map[string]struct {
		from, asked carteiro.BulkStatus
		want        carteiro.BulkRetry // zero: as before
		err         error
	}{
		"paused":                  {from: running, asked: paused, want: carteiro.BulkRetry{Status: paused, PausedBy: carteiro.PausedByUser, UpdatedAt: now, DueAt: then}},
		"paused before it begins": {from: queued, asked: paused, want: carteiro.BulkRetry{Status: paused, PausedBy: carteiro.PausedByUser, UpdatedAt: now, DueAt: then}},
		"resumed":                 {from: paused, asked: running, want: carteiro.BulkRetry{Status: running, UpdatedAt: now, DueAt: now}},
		"canceled":                {from: paused, asked: cancelled, want: carteiro.BulkRetry{Status: cancelled, UpdatedAt: now, EndedAt: now, DueAt: then}},
		"paused twice":            {from: paused, asked: paused},
		"canceled twice":          {from: cancelled, asked: cancelled},
		"resumed while it waits":  {from: queued, asked: running},
		"paused at its end":       {from: done, asked: paused, err: store.ErrConflict},
		"resumed once canceled":   {from: cancelled, asked: running, err: store.ErrConflict},
	} {
		before := carteiro.BulkRetry{Status: test.from, UpdatedAt: noon, DueAt: then}
		if test.from == paused {
			before.PausedBy = carteiro.PausedByWebhookDisabled
		}
		if test.want.Status == "" {
			test.want = before
		}
		job := before
		changed, err := ChangeBulk(&job, &store.ChangeBulkRetry{Status: test.asked, Now: now.Add(time.Nanosecond)})
		if job != test.want || !errors.Is(err, test.err) || changed != (job != before) {
			t.Errorf("%s: changed %v, %v, to %+v", name, changed, err, job)
		}
	}
}

func TestAStepEndsOrPausesAJob(t *testing.T) {
	for status, want := range map[carteiro.BulkStatus]carteiro.BulkRetry{
		carteiro.BulkRunning:   {Status: carteiro.BulkRunning, UpdatedAt: noon},
		carteiro.BulkPaused:    {Status: carteiro.BulkPaused, PausedBy: carteiro.PausedByWebhookDisabled, UpdatedAt: noon},
		carteiro.BulkDone:      {Status: carteiro.BulkDone, UpdatedAt: noon, EndedAt: noon},
		carteiro.BulkCancelled: {Status: carteiro.BulkCancelled, UpdatedAt: noon, EndedAt: noon},
	} {
		job := carteiro.BulkRetry{Status: carteiro.BulkQueued, PausedBy: carteiro.PausedByUser, UpdatedAt: noon}
		if AfterStep(&job, status); job != want {
			t.Errorf("%s: %+v", status, job)
		}
	}
}

// What could be retried when the job was created is matched and counted by what becomes of it. What could not is counted only if it
// is retried after all.
func TestAJobCountsWhatItComesTo(t *testing.T) {
	begun := noon.Add(time.Hour)
	p := &store.StepBulkRetry{Now: begun.Add(time.Minute), NotBefore: noon.Add(time.Minute)} // retriable then: since noon
	entry, old := carteiro.MinID(noon), carteiro.MinID(noon.Add(-time.Second))
	before, after := carteiro.MinID(begun.Add(-time.Second)), carteiro.MinID(begun)
	for name, test := range map[string]struct {
		entry, latest carteiro.ID
		reason        carteiro.NotRetriable
		blocked       bool
		want          carteiro.BulkRetry
		retry         bool
	}{
		"retried":                      {entry, before, "", false, carteiro.BulkRetry{Retried: 1, Matched: 5}, true},
		"delivered since":              {entry, after, carteiro.AlreadySucceeded, false, carteiro.BulkRetry{Skipped: carteiro.BulkSkips{AlreadySucceeded: 1}, Matched: 5}, false},
		"under way":                    {entry, after, carteiro.InProgress, false, carteiro.BulkRetry{Skipped: carteiro.BulkSkips{InProgress: 1}, Matched: 5}, false},
		"retried since":                {entry, after, "", false, carteiro.BulkRetry{Skipped: carteiro.BulkSkips{RetriedSince: 1}, Matched: 5}, false},
		"too old by now":               {entry, before, carteiro.TooOld, false, carteiro.BulkRetry{Skipped: carteiro.BulkSkips{TooOld: 1}, Matched: 5}, false},
		"too old all along":            {old, before, carteiro.TooOld, false, carteiro.BulkRetry{Matched: 5}, false},
		"blocked then, and delivered":  {entry, after, carteiro.AlreadySucceeded, true, carteiro.BulkRetry{Matched: 5}, false},
		"blocked then, and failed now": {entry, before, "", true, carteiro.BulkRetry{Retried: 1, Matched: 6}, true},
	} {
		job := carteiro.BulkRetry{ID: carteiro.MinID(begun), Matched: 5}
		test.want.ID = job.ID
		if retry := CountEntry(&job, p, test.entry, test.reason, test.latest, test.blocked); retry != test.retry || job != test.want {
			t.Errorf("%s: retry %v, %+v", name, retry, job)
		}
	}
}

func TestTheWorstFailMost(t *testing.T) {
	hook := func(id byte, failed int) store.FailingWebhook {
		return store.FailingWebhook{FoundWebhook: store.FoundWebhook{Webhook: &carteiro.Webhook{ID: carteiro.ID{id}}}, Failed: failed}
	}
	ids := func(failing []store.FailingWebhook) (ids []byte) {
		for i := range failing {
			ids = append(ids, failing[i].ID[0])
		}
		return ids
	}
	all := []store.FailingWebhook{hook(3, 5), hook(1, 1), hook(2, 5), hook(4, 9)}
	if got := ids(Worst(slices.Clone(all), 3)); !slices.Equal(got, []byte{4, 2, 3}) {
		t.Errorf("the worst three are %v", got)
	}
	if got := Worst(all, 9); len(got) != 4 {
		t.Errorf("%d of four", len(got))
	}
}
