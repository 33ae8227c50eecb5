package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/check"
	"github.com/carteiro/carteiro/internal/store"
)

// Damage is something that no verb does, done to a database that the stories of [Examine] have filled.
type Damage string

// The damages. In the database that they are done to, webhook one has an event whose first attempt has failed, and whose
// second one, in the next hour, has too, so that its third one waits; one that is delivered; one that is held; and one
// that waits, which is the only open attempt with number 1 that nobody holds. Webhook two has had nothing. Webhook three had a job. It is
// deleted and clean.
const (
	LoseWaitingEvent   Damage = "the event of the waiting first attempt is gone"
	LoseFinishedEvent  Damage = "the event of the success is gone"
	LoseSession        Damage = "the waiting first attempt is held by a session that never was"
	LoseWebhook        Damage = "all webhooks are gone"
	LoseOwner          Damage = "all owners are gone"
	CutSettings        Damage = "a webhook's settings are cut short"
	LoseRetry          Damage = "the open retry is gone"
	LoseMiddle         Damage = "the second attempt is gone"
	Misfile            Damage = "open attempts are filed under another environment"
	MiscountTotals     Damage = "totals have a success too many"
	MiscountHours      Damage = "counts of failures are gone"
	MiscountQueue      Damage = "an environment's queue is one too long"
	MiscountActivity   Damage = "the hours of activity have nothing in them"
	RenumberFinished   Damage = "the second attempt has the number 3"
	ForgetPredecessor  Damage = "the second attempt is the retry of nothing"
	TurnIntoSuccess    Damage = "the second attempt is a success"
	EternalLease       Damage = "a session's lease runs until 2100"
	MiscountEvent      Damage = "an event has an attempt too few"             // where that is kept
	LoseExchange       Damage = "what was sent and came back is gone"         // where it is kept apart
	LoseAttemptOfEvent Damage = "a success is gone, and its exchange is left" // likewise
	LeaveAttempt       Damage = "a clean webhook has a pending attempt"
	LeaveSecrets       Damage = "a clean webhook has secrets"
	LeaveJob           Damage = "a clean webhook has an open job"
)

// findings are what each damage must be found by, at least.
var findings = map[Damage][]check.Check{
	LoseWaitingEvent:   {check.OpenNoEvent},
	LoseFinishedEvent:  {check.FinishedNoEvent},
	LoseSession:        {check.OpenNoSession},
	LoseWebhook:        {check.NoWebhook},
	LoseOwner:          {check.NoOwner, check.NoOwnOwner},
	CutSettings:        {check.Unreadable},
	LoseRetry:          {check.Abandoned, check.Counts, check.Totals, check.Queue},
	LoseMiddle:         {check.Gap, check.Counts},
	Misfile:            {check.OpenMisfiled, check.Queue},
	MiscountTotals:     {check.Totals},
	MiscountHours:      {check.Counts, check.Totals},
	MiscountQueue:      {check.Queue},
	MiscountActivity:   {check.Activity, check.ActivitySum},
	RenumberFinished:   {check.NumberTwice, check.Gap},
	ForgetPredecessor:  {check.Predecessor},
	TurnIntoSuccess:    {check.RetriedSuccess, check.Counts},
	EternalLease:       {check.Lease},
	MiscountEvent:      {check.EventCount},
	LoseExchange:       {check.FinishedNoRecord, check.Unclaimed},
	LoseAttemptOfEvent: {check.Unclaimed, check.Counts},
	LeaveAttempt:       {check.LeftAttempts},
	LeaveSecrets:       {check.LeftSecrets},
	LeaveJob:           {check.LeftJob},
}

// ofAttempts are the checks whose findings name an attempt.
var ofAttempts = []check.Check{check.OpenNoEvent, check.OpenNoSession, check.OpenMisfiled, check.FinishedNoEvent, check.FinishedNoRecord}

// Examine damages a database in ways that no verb can, and sees that each is found, and nothing in one that is whole.
// damage runs SQL of the database's own; damages has it for every damage that the database's layout allows, and without
// for those that it does not.
func Examine(t *testing.T, open func(t *testing.T) store.Examinable, damage func(s store.Examinable, sql string) error, damages map[Damage]string) {
	t.Run("nothing is found in a database that is whole", func(t *testing.T) {
		w := newWorld(t, open(t))
		w.fillForExamination()
		report := w.examine()
		if len(report.Findings) > 0 {
			t.Errorf("found %s", show(report.Findings))
		}
		report.Findings, report.Took = nil, 0
		equal(t, "report", *report, check.Report{Events: 5, Unwanted: 1, Delivered: 1, Open: 3, Attempts: 3, Webhooks: 3, Nodes: report.Nodes})
	})
	for damaged, want := range findings {
		t.Run(string(damaged), func(t *testing.T) {
			sql, known := damages[damaged]
			if !known {
				t.Fatal("there is no SQL for it, nor is it said that there is none")
			}
			if sql == "" {
				return // the layout does not allow it
			}
			s := open(t)
			w := newWorld(t, s)
			w.fillForExamination()
			w.ok(damage(s, sql))
			w.pass(6 * time.Minute) // what is left of a deleted webhook may come and go for five minutes
			report := w.examine()
			for _, name := range want {
				if !slices.ContainsFunc(report.Findings, func(f check.Finding) bool { return f.Check == name }) {
					t.Errorf("it was not found by %s, but by %s", name, show(report.Findings))
				}
			}
			for _, f := range report.Findings {
				if slices.Contains(ofAttempts, f.Check) && f.LogID.IsZero() || strings.HasPrefix(f.Of, "session 0 ") {
					t.Errorf("a finding does not say what it is about: %s", show(f))
				}
			}
		})
	}
	t.Run("deleted webhooks are cleaned although their settings are cut short", func(t *testing.T) {
		s := open(t)
		w := newWorld(t, s)
		for range 2 {
			hook := w.webhook()
			w.publish(store.Session{}, hook.ID)
			w.remove(hook.ID)
		}
		w.ok(damage(s, damages[CutSettings]))
		w.pass(6 * time.Minute)
		equal(t, "finished attempts", w.clean(w.now), 2)
		if report := w.examine(); len(report.Findings) > 0 {
			t.Errorf("found %s", show(report.Findings))
		}
	})
	t.Run("what is finished is looked at part by part", func(t *testing.T) {
		s := open(t)
		w := newWorld(t, s)
		w.fillForExamination()
		var whole, parts []store.ExaminedHour
		for limit, hours := range map[int]*[]store.ExaminedHour{1000: &whole, 1: &parts} {
			p := store.ExamineWebhook{Limit: limit}
			for {
				part, err := s.ExamineWebhook(t.Context(), p)
				w.ok(err)
				if part.WebhookID.IsZero() {
					break
				}
				for hour, pair := range part.Counts {
					equal(t, "an hour", pair.Counted, pair.Kept)
					*hours = append(*hours, hour)
				}
				p.From = part.Next
			}
		}
		equal(t, "how many hours", len(parts), len(whole))
		if len(whole) < 2 {
			t.Errorf("there are %d hours to look at, which says nothing", len(whole))
		}
	})
}

// fillForExamination makes what damages are done to.
func (w *world) fillForExamination() {
	w.environment("production")
	one, _, three, session := w.webhook().ID, w.webhook(), w.webhook(), w.join()
	w.begin(three, carteiro.BulkFilter{})
	w.remove(three.ID)
	w.pass(2 * time.Minute) // the webhook's settings are settled
	w.clean(w.now)
	w.succeed(session, w.publish(session, one))
	w.pass(time.Hour)
	w.fail(session, w.publish(session, one), true)
	w.pass(time.Hour)
	w.fail(session, w.claim(session, one)[0], true)
	w.publish(session, one)
	w.publish(store.Session{}, one)
	unwanted := w.newEvent("event_recording")
	w.accept(store.Session{}, w.item(unwanted, store.Session{}))
}

func (w *world) examine() *check.Report {
	w.t.Helper()
	examinable := w.Store.(store.Examinable) //nolint:forcetypeassert // Examine has put it there
	report, err := (&check.Checker{Store: examinable, Now: w.now}).Run(context.Background())
	w.ok(err)
	return report
}

// wantHealthy has the doctor look at what a story has left, where the store can be examined. Stories may leave failures
// without the retry that policy would have given them, sessions that nobody ended, notices that nobody told, and attempts at webhooks
// of their fancy.
func (w *world) wantHealthy() {
	w.t.Helper()
	if _, ok := w.Store.(store.Examinable); !ok || w.t.Failed() {
		return
	}
	for _, f := range w.examine().Findings {
		if f.Check != check.Abandoned && f.Check != check.Lease && f.Check != check.NoWebhook && f.Check != check.Unnotified {
			w.t.Errorf("the doctor has found %s", show(f))
		}
	}
}
