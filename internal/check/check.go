// Package check verifies the consistency of a database: every accepted event is delivered, pending or finished, counters
// match the rows they count, and every lease belongs to a session. It reads the database in slices, each in its own
// snapshot, and confirms a problem with a second read before it reports it, so that it can run next to live servers.
package check

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Bounds of one slice.
const (
	eventsPageSize   = 1000
	attemptsPageSize = 50_000
	// maxFindings is how many findings a report names.
	maxFindings = 1000
)

// Checker examines a database.
type Checker struct {
	Store store.Examinable
	Now   time.Time
	// Again is how long to wait before a slice that looks damaged is looked at once more.
	Again time.Duration
}

// Finding is something that does not hold.
type Finding struct {
	Check         Check       `json:"check"`
	EnvironmentID carteiro.ID `json:"environment_id,omitzero"`
	WebhookID     carteiro.ID `json:"webhook_id,omitzero"`
	EventID       carteiro.ID `json:"event_id,omitzero"`
	LogID         carteiro.ID `json:"log_id,omitzero"`
	// Of is what else tells it from others of its kind: an hour, an event type, a session.
	Of string `json:"of,omitempty"`
	// Says is what was found, for people.
	Says string `json:"says"`
}

// subject is the finding without what may read otherwise at the second look.
func (f Finding) subject() Finding {
	f.Says = ""
	return f
}

func (f Finding) compare(other Finding) int {
	return cmp.Or(strings.Compare(string(f.Check), string(other.Check)), bytes.Compare(f.WebhookID[:], other.WebhookID[:]),
		bytes.Compare(f.EventID[:], other.EventID[:]), bytes.Compare(f.LogID[:], other.LogID[:]), strings.Compare(f.Of, other.Of))
}

// Report is what an examination came to.
type Report struct {
	Events   int `json:"events"`
	Unwanted int `json:"events_without_attempts"` // no webhook wanted them, or nothing is left of what did
	// Deliveries are events at webhooks, by how they stand.
	Delivered int `json:"delivered"`
	Open      int `json:"open"` // waiting, scheduled or in flight
	Failed    int `json:"failed"`
	// Attempts are the finished ones.
	Attempts int `json:"attempts"`
	Webhooks int `json:"webhooks"` // deleted ones included
	Nodes    int `json:"nodes"`    // whose lease runs
	Notices  int `json:"notices"`  // that are to become events for environments' own webhooks

	Findings []Finding     `json:"findings"` // never nil; the first of them, when there are very many
	Found    int           `json:"found"`    // all of them
	Took     time.Duration `json:"took_ns"`
}

func (r *Report) add(findings []Finding) {
	r.Found += len(findings)
	r.Findings = append(r.Findings, findings[:min(len(findings), maxFindings-len(r.Findings))]...)
}

// Run examines all of the database. It fails when it cannot look; what it finds is in the report.
func (d *Checker) Run(ctx context.Context) (*Report, error) {
	begun := time.Now()
	report := &Report{Findings: []Finding{}}
	recorded := make(recorded)
	err := d.webhooks(ctx, report, recorded)
	if err == nil {
		err = d.events(ctx, report, d.Now)
	}
	if err == nil {
		err = d.nodes(ctx, report, recorded)
	}
	if err == nil {
		err = d.notifications(ctx, report)
	}
	slices.SortFunc(report.Findings, Finding.compare)
	report.Took = time.Since(begun)
	return report, err
}

// confirm looks, and when there are findings looks once more and keeps those that are still there.
func (d *Checker) confirm(ctx context.Context, look func() ([]Finding, error)) ([]Finding, error) {
	first, err := look()
	if err != nil || len(first) == 0 {
		return nil, err
	}
	timer := time.NewTimer(d.Again)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	seen := make(map[Finding]bool, len(first))
	for _, f := range first {
		seen[f.subject()] = true
	}
	second, err := look()
	return slices.DeleteFunc(second, func(f Finding) bool { return !seen[f.subject()] }), err
}

// webhooks examines all webhooks with their history and their queue.
func (d *Checker) webhooks(ctx context.Context, report *Report, recorded recorded) error {
	p := store.ExamineWebhook{Limit: attemptsPageSize}
	for {
		var slice store.ExaminedWebhook
		findings, err := d.confirm(ctx, func() (_ []Finding, err error) {
			slice, err = d.Store.ExamineWebhook(ctx, p)
			return checkWebhook(&slice, d.Now), err
		})
		if err != nil || slice.WebhookID.IsZero() {
			return err
		}
		report.add(findings)
		if slice.First {
			report.Webhooks++
		}
		report.Attempts += recorded.add(&slice)
		p.From = slice.Next
	}
}

// events examines the chains of events, up to those that have come since a time.
func (d *Checker) events(ctx context.Context, report *Report, since time.Time) error {
	p := store.ExamineEvents{Limit: eventsPageSize}
	for {
		var page []store.ExaminedEvent
		findings, err := d.confirm(ctx, func() (_ []Finding, err error) {
			if page, err = d.Store.ExamineEvents(ctx, p); err != nil {
				return nil, err
			}
			chains := chains{store: d.Store, webhooks: make(map[carteiro.ID]*carteiro.Webhook)}
			return chains.check(ctx, page)
		})
		if err != nil {
			return err
		}
		report.add(findings)
		for i := range page {
			report.count(&page[i])
		}
		if len(page) < p.Limit || page[len(page)-1].ID.Time().After(since) {
			return nil // the rest is the next examination's
		}
		p.After = page[len(page)-1].ID
	}
}

// count adds an event's deliveries.
func (r *Report) count(e *store.ExaminedEvent) {
	r.Events++
	if len(e.Attempts) == 0 {
		r.Unwanted++
	}
	for _, attempts := range byWebhook(e) {
		switch {
		case slices.ContainsFunc(attempts, func(a store.ExaminedAttempt) bool { return a.Success }):
			r.Delivered++
		case slices.ContainsFunc(attempts, func(a store.ExaminedAttempt) bool { return a.Open }):
			r.Open++
		default:
			r.Failed++
		}
	}
}

// nodes examines sessions, and what is counted by environment. It comes last: activity that was read after the attempts
// that it counts has counted them.
func (d *Checker) nodes(ctx context.Context, report *Report, recorded recorded) error {
	var nodes store.ExaminedNodes
	findings, err := d.confirm(ctx, func() (_ []Finding, err error) {
		nodes, err = d.Store.ExamineNodes(ctx, store.ExamineNodes{Now: d.Now})
		return slices.Concat(checkSessions(&nodes), checkQueues(&nodes), checkActivity(&nodes, recorded, d.Now)), err
	})
	if err != nil {
		return err
	}
	for _, s := range nodes.Sessions {
		if s.Until.After(nodes.Now) {
			report.Nodes++
		}
	}
	report.add(findings)
	return nil
}
