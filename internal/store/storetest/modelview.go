package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// modelRecord is a result that counted. Activity outlives the log.
type modelRecord struct {
	environment carteiro.ID
	outcome     *carteiro.Outcome
}

func (m *model) FindWebhooks(_ context.Context, p store.FindWebhooks) ([]store.FoundWebhook, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []store.FoundWebhook
	for _, w := range m.webhooks {
		if w.EnvironmentID == p.EnvironmentID && !w.Deleted() && strings.Contains(strings.ToLower(w.Name), strings.ToLower(p.Search)) {
			found = append(found, m.found(&w))
		}
	}
	slices.SortFunc(found, func(a, b store.FoundWebhook) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), compareIDs(a.ID, b.ID))
	})
	return window(found, p.Offset, p.Limit), len(found), nil
}

func (m *model) found(w *carteiro.Webhook) store.FoundWebhook {
	return store.FoundWebhook{Webhook: w, OwnerName: m.owners[ownerOf(w)].Name}
}

func (m *model) Overview(_ context.Context, p store.Overview) (o store.OverviewResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o.Activity = m.activity(&p)
	for _, a := range m.attempts {
		if a.isOpen() && m.events[a.EventID].EnvironmentID == p.EnvironmentID {
			queueAdd(&o.Queue, a, p.Now)
		}
	}
	for _, n := range []*int{&o.Queue.Held, &o.Queue.Due, &o.Queue.Scheduled} {
		o.Queue.More = o.Queue.More || *n >= store.MaxQueueCount
		*n = min(*n, store.MaxQueueCount)
	}
	o.Failing = m.failing(&p)
	return o, nil
}

// Vitals implements store.Logs, but for the size: a model has none.
func (m *model) Vitals(context.Context) (v store.Vitals, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.attempts {
		if !a.isOpen() {
			continue
		}
		v.Open++
		if w, found := m.webhooks[a.WebhookID]; a.lease == 0 && found && (!w.Live() || !w.Circuit.Open()) && (v.OldestWaiting.IsZero() || a.DueAt.Before(v.OldestWaiting)) {
			v.OldestWaiting = a.DueAt
		}
	}
	for _, w := range m.webhooks {
		switch {
		case w.Deleted():
		case w.Status() == carteiro.WebhookActive:
			v.Active++
		case w.Status() == carteiro.WebhookDisabled:
			v.Disabled++
		default:
			v.Failing++
			if probe := m.attempts[store.AttemptRef{WebhookID: w.ID, ID: w.Circuit.Probe}]; probe != nil && probe.isOpen() && probe.lease != 0 {
				v.Probing++
			}
		}
	}
	return v, nil
}

func (m *model) activity(p *store.Overview) []store.Activity {
	slot, kept := time.Hour, m.hoursFrom
	if p.ByMinute {
		slot, kept = time.Minute, m.minutesFrom
	}
	sums := make(map[time.Time]*store.Activity)
	for _, r := range m.recorded {
		at := r.outcome.FinishedAt.Truncate(slot)
		if r.environment != p.EnvironmentID || at.Before(p.From.Truncate(slot)) || at.Before(kept) {
			continue
		}
		a := sums[at]
		if a == nil {
			a = &store.Activity{At: at}
			sums[at] = a
		}
		if r.outcome.Success {
			a.Success++
		} else {
			a.Failed++
		}
		if r.outcome.Duration > 0 {
			a.Latencies[carteiro.LatencyBucket(r.outcome.Duration)]++
		}
	}
	var list []store.Activity
	for _, a := range sums {
		list = append(list, *a)
	}
	slices.SortFunc(list, func(a, b store.Activity) int { return a.At.Compare(b.At) })
	return list
}

func queueAdd(q *store.QueueState, a *modelAttempt, now time.Time) {
	earlier := func(t *time.Time) {
		if t.IsZero() || a.DueAt.Before(*t) {
			*t = a.DueAt
		}
	}
	q.Open++
	switch {
	case a.lease != 0:
		q.Held++
		earlier(&q.OldestDue)
	case !a.DueAt.After(now):
		q.Due++
		earlier(&q.OldestDue)
	default:
		q.Scheduled++
		earlier(&q.NextDue)
	}
}

func (m *model) failing(p *store.Overview) (worst []store.FailingWebhook) {
	from := carteiro.MinID(p.From.Truncate(time.Hour))
	for _, w := range m.webhooks {
		if w.EnvironmentID != p.EnvironmentID || w.Deleted() || w.LastFailedAt.Before(p.From.Truncate(time.Hour)) {
			continue
		}
		f := store.FailingWebhook{FoundWebhook: m.found(&w)}
		for ref, a := range m.attempts {
			switch {
			case ref.WebhookID != w.ID || a.isOpen() || compareIDs(ref.ID, from) < 0:
			case a.Outcome.Success:
				f.Success++
			default:
				f.Failed++
			}
		}
		if f.Failed > 0 {
			worst = append(worst, f)
		}
	}
	slices.SortFunc(worst, func(a, b store.FailingWebhook) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), compareIDs(a.ID, b.ID))
	})
	return window(worst, 0, p.Failing)
}

func (m *model) CreateBulkRetry(_ context.Context, p store.CreateBulkRetry) (job carteiro.BulkRetry, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, found := m.webhooks[p.WebhookID]
	if !found || w.Deleted() || ownerOf(&w) != p.OwnerRef {
		return job, store.ErrNotFound
	}
	if before := m.before(p.Key, p.Now); before != nil {
		ref, err := p.JobOf(before)
		if err != nil {
			return job, err
		}
		if made := m.job(ref); made != nil {
			return *made, nil
		}
		return job, store.ErrNotFound
	}
	if err := p.CheckCount(); err != nil {
		return job, err
	}
	for _, other := range m.jobs {
		if other.WebhookID == p.WebhookID && (!other.Status.Ended() || other.ID == p.ID) {
			return job, store.ErrConflict
		}
	}
	job = carteiro.BulkRetry{
		ID: p.ID, WebhookID: p.WebhookID, Filter: p.Filter, Replay: p.Replay, Status: carteiro.BulkQueued, Matched: p.Matched, DueAt: p.Now, UpdatedAt: p.Now,
	}
	m.jobs = append(m.jobs, job)
	m.keep(p.Key)
	return job, nil
}

func (m *model) job(ref store.BulkRef) *carteiro.BulkRetry {
	for i := range m.jobs {
		if m.jobs[i].ID == ref.ID && m.jobs[i].WebhookID == ref.WebhookID {
			return &m.jobs[i]
		}
	}
	return nil
}

func (m *model) GetBulkRetry(_ context.Context, ref store.BulkRef) (carteiro.BulkRetry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	job := m.job(ref)
	if job == nil {
		return carteiro.BulkRetry{}, store.ErrNotFound
	}
	return *job, nil
}

func (m *model) ListBulkRetries(_ context.Context, p store.ListBulkRetries) ([]carteiro.BulkRetry, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(m.jobs), func(j carteiro.BulkRetry) bool { return j.WebhookID != p.WebhookID })
	slices.SortFunc(found, func(a, b carteiro.BulkRetry) int { return compareIDs(b.ID, a.ID) })
	return window(found, p.Offset, p.Limit), len(found), nil
}

func (m *model) ChangeBulkRetry(_ context.Context, p store.ChangeBulkRetry) (carteiro.BulkRetry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	job := m.job(p.BulkRef)
	switch {
	case job == nil:
		return carteiro.BulkRetry{}, store.ErrNotFound
	case job.Status == p.Status, p.Status == carteiro.BulkRunning && job.Status == carteiro.BulkQueued:
		return *job, nil
	case job.Status.Ended():
		return *job, store.ErrConflict
	case p.Status == carteiro.BulkRunning:
		job.DueAt = p.Now
	case p.Status == carteiro.BulkCancelled:
		job.EndedAt = p.Now
	}
	job.Status, job.UpdatedAt, job.PausedBy = p.Status, p.Now, ""
	if p.Status == carteiro.BulkPaused {
		job.PausedBy = carteiro.PausedByUser
	}
	return *job, nil
}

func (m *model) StepBulkRetry(_ context.Context, p store.StepBulkRetry) (step store.BulkStep, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if job := m.firstDue(); job != nil && !job.DueAt.After(p.Now) {
		m.walk(job, &p, &step)
		job.UpdatedAt, job.DueAt = p.Now, p.DueAt
		if job.Status.Ended() {
			job.EndedAt = p.Now
		}
		taken := *job
		step.Job = &taken
	}
	if next := m.firstDue(); next != nil {
		step.NextDue = next.DueAt
	}
	return step, nil
}

func (m *model) firstDue() (first *carteiro.BulkRetry) {
	for i := range m.jobs {
		job := &m.jobs[i]
		active := job.Status == carteiro.BulkQueued || job.Status == carteiro.BulkRunning
		if active && (first == nil || cmp.Or(job.DueAt.Compare(first.DueAt), compareIDs(job.WebhookID, first.WebhookID), compareIDs(job.ID, first.ID)) < 0) {
			first = job
		}
	}
	return first
}

func (m *model) walk(job *carteiro.BulkRetry, p *store.StepBulkRetry, step *store.BulkStep) {
	w := m.webhooks[job.WebhookID]
	switch {
	case w.Deleted():
		job.Status = carteiro.BulkCancelled
		return
	case !w.Enabled:
		job.Status, job.PausedBy = carteiro.BulkPaused, carteiro.PausedByWebhookDisabled
		return
	}
	if job.Replay != nil {
		m.walkEvents(job, p, step)
		return
	}
	ahead := m.ahead(job)
	job.Status = carteiro.BulkRunning
	if len(ahead) < p.Look {
		job.Status = carteiro.BulkDone
	}
	for _, log := range window(ahead, 0, p.Look) {
		if step.Retried == len(p.NewIDs) {
			job.Status = carteiro.BulkRunning
			return
		}
		m.comeTo(job, log, p, step)
		job.Cursor = log.ID
	}
}

// ahead gives the entries that a job comes to next.
func (m *model) ahead(job *carteiro.BulkRetry) (ahead []*modelAttempt) {
	f := &job.Filter
	p := store.ListLogs{Status: carteiro.StatusFailed, EventType: f.EventType, EventID: f.EventID, From: f.From, To: f.To, HTTP: f.HTTP}
	for _, a := range m.attempts {
		if a.WebhookID == job.WebhookID && !m.events[a.EventID].Test && matches(m.read(a), &p) &&
			compareIDs(a.ID, job.Cursor) > 0 && compareIDs(a.ID, job.ID.MinSibling()) < 0 {
			ahead = append(ahead, a)
		}
	}
	slices.SortFunc(ahead, func(a, b *modelAttempt) int { return compareIDs(a.ID, b.ID) })
	return ahead
}

func (m *model) comeTo(job *carteiro.BulkRetry, log *modelAttempt, p *store.StepBulkRetry, step *store.BulkStep) {
	delivered, open, highest := m.eventAt(log.EventID, log.WebhookID)
	since, matched := false, compareIDs(log.ID, p.RetriableThen(job)) >= 0
	for _, a := range m.attempts {
		switch {
		case a.EventID != log.EventID || a.WebhookID != log.WebhookID:
		case compareIDs(a.ID, job.ID.MinSibling()) >= 0:
			since = since || !a.isOpen()
		case a.isOpen(), a.Outcome.Success, !a.Outcome.FinishedAt.Before(job.CreatedAt()):
			matched = false
		}
	}
	counter := &job.Skipped.TooOld
	switch {
	case delivered:
		counter = &job.Skipped.AlreadySucceeded
	case open:
		counter = &job.Skipped.InProgress
	case since:
		counter = &job.Skipped.RetriedSince
	case compareIDs(log.ID, carteiro.MinID(p.NotBefore)) < 0:
	default:
		if !matched {
			job.Matched++
		}
		m.openNext(job, p, step, &modelAttempt{Attempt: carteiro.Attempt{
			EventID: log.EventID, EventType: log.EventType, Number: highest + 1, PreviousID: log.ID,
		}})
		return
	}
	if matched {
		*counter++
	}
}

func (m *model) FindRetriable(_ context.Context, p store.FindRetriable) (found store.Retriable, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.ahead(&carteiro.BulkRetry{ID: p.Before, WebhookID: p.WebhookID, Filter: p.Filter})
	found.All = len(all) <= p.Look
	for _, log := range window(all, 0, p.Look) {
		found.Looked++
		delivered, open, _ := m.eventAt(log.EventID, log.WebhookID)
		if !delivered && !open && compareIDs(log.ID, carteiro.MinID(p.NotBefore)) >= 0 {
			found.IDs = append(found.IDs, log.ID)
		}
	}
	return found, nil
}

// openNext opens an attempt that a job makes.
func (m *model) openNext(job *carteiro.BulkRetry, p *store.StepBulkRetry, step *store.BulkStep, a *modelAttempt) {
	a.WebhookID, a.ID, a.ChainStart = job.WebhookID, p.NewIDs[step.Retried], a.Number
	a.Trigger, a.DueAt, a.Status = carteiro.TriggerBulk, p.Now, carteiro.StatusPending
	m.attempts[store.AttemptRef{WebhookID: a.WebhookID, ID: a.ID}] = a
	step.Retried++
	job.Retried++
}
