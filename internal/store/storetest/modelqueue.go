package storetest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// The model's sessions, and what is queued: accepted, claimed, given back, recorded.

func (m *model) Join(_ context.Context, p store.Join) (store.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined++
	m.sessions[m.joined] = p.Until
	return store.Session{ID: m.joined, Node: p.Node}, nil
}

func (m *model) Renew(_ context.Context, p store.Renew) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.live(p.Session) {
		return store.ErrLeaseLost
	}
	m.sessions[p.Session.ID] = p.Until
	return nil
}

func (m *model) live(session store.Session) bool {
	_, live := m.sessions[session.ID]
	return live
}

func (m *model) EndSessions(_ context.Context, p store.EndSessions) (freed int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sessions, func(id int64, until time.Time) bool {
		return id == p.Session.ID || until.Before(p.Now)
	})
	for _, a := range m.attempts {
		if _, live := m.sessions[a.lease]; a.lease != 0 && !live {
			a.lease = 0
			freed++
		}
	}
	return freed, nil
}

var errExists = errors.New("exists already")

func (m *model) Accept(_ context.Context, p store.Accept) (store.AcceptResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.acceptAll(&p)
}

func (m *model) acceptAll(p *store.Accept) (result store.AcceptResult, err error) {
	if replay := m.before(p.Key, p.Now); replay != nil {
		return store.AcceptResult{Replay: replay}, nil
	}
	keys := maps.Clone(m.keys)
	var stored []store.AcceptItem
	defer func() {
		if err != nil {
			m.keys = keys
			m.remove(stored)
		}
	}()
	m.keep(p.Key)
	result.Items = make([]*store.Replay, len(p.Items))
	for i, item := range p.Items {
		if result.Items[i] = m.before(item.Key, p.Now); result.Items[i] != nil {
			continue
		}
		m.keep(item.Key)
		if _, found := m.events[item.Event.ID]; found {
			return store.AcceptResult{}, errExists
		}
		stored = append(stored, item)
		if err := m.acceptItem(p.Session, item); err != nil {
			return store.AcceptResult{}, err
		}
	}
	if answer, changed := p.AnswerAfter(result.Items); changed {
		m.replaceAnswer(p.Key, answer)
	}
	return result, nil
}

func (m *model) replaceAnswer(key *store.Key, answer []byte) {
	if answer == nil {
		delete(m.keys, modelKey{key.EnvironmentID, key.Key})
		return
	}
	kept := *key
	kept.Answer = answer
	m.keep(&kept)
}

// remove takes items back that a call has stored before it failed.
func (m *model) remove(items []store.AcceptItem) {
	for _, item := range items {
		delete(m.events, item.Event.ID)
		for _, a := range item.Attempts {
			delete(m.attempts, store.AttemptRef{WebhookID: a.WebhookID, ID: a.ID})
		}
	}
}

func (m *model) acceptItem(session store.Session, item store.AcceptItem) error {
	e := item.Event
	stored := *e
	if len(item.Attempts) == 0 && e.Undelivered == "" && !e.Test {
		stored.Undelivered = carteiro.UndeliveredUnknown
	}
	m.events[e.ID] = stored
	for i, first := range item.Attempts {
		// The event is new: only the item itself can hold another attempt of it.
		if slices.ContainsFunc(item.Attempts[:i], func(a store.AcceptAttempt) bool { return a.WebhookID == first.WebhookID }) {
			return errExists
		}
		a := &modelAttempt{Attempt: carteiro.Attempt{
			ID: first.ID, WebhookID: first.WebhookID, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1,
			Trigger: first.Trigger, DueAt: e.AcceptedAt(), Status: carteiro.StatusPending,
		}}
		if first.Held {
			if !m.live(session) {
				return store.ErrLeaseLost
			}
			a.lease = session.ID
		}
		m.attempts[store.AttemptRef{WebhookID: a.WebhookID, ID: a.ID}] = a
	}
	return nil
}

func (m *model) before(key *store.Key, now time.Time) *store.Replay {
	if key == nil {
		return nil
	}
	kept, found := m.keys[modelKey{key.EnvironmentID, key.Key}]
	if !found || !kept.ExpiresAt.After(now) {
		return nil
	}
	return &store.Replay{Fingerprint: kept.Fingerprint, Answer: kept.Answer}
}

func (m *model) mustBeFree(key *store.Key, now time.Time) error {
	if before := m.before(key, now); before != nil {
		return &store.KeyUsedError{Replay: *before}
	}
	return nil
}

func (m *model) keep(key *store.Key) {
	if key != nil && !key.Peek {
		m.keys[modelKey{key.EnvironmentID, key.Key}] = *key
	}
}

func (m *model) Backlog(_ context.Context, p store.Backlog) ([]store.Waiting, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := make(map[carteiro.ID]time.Time)
	for _, a := range m.attempts {
		if due, found := first[a.WebhookID]; a.waiting() && (!found || a.DueAt.Before(due)) {
			first[a.WebhookID] = a.DueAt
		}
	}
	var waiting []store.Waiting
	for _, id := range slices.SortedFunc(maps.Keys(first), compareIDs) {
		if compareIDs(id, p.After) > 0 && len(waiting) < p.Limit {
			waiting = append(waiting, store.Waiting{WebhookID: id, DueAt: first[id]})
		}
	}
	return waiting, nil
}

func (a *modelAttempt) isOpen() bool  { return a.Outcome == nil }
func (a *modelAttempt) waiting() bool { return a.isOpen() && a.lease == 0 }

func (m *model) Claim(_ context.Context, p store.Claim) (claimed store.Claimed, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.live(p.Session) {
		return claimed, store.ErrLeaseLost
	}
	webhook := m.webhooks[p.WebhookID]
	claimed.Version, claimed.CircuitOpen = webhook.Version, webhook.Circuit.Open()
	grant := carteiro.Grant{Limit: p.Limit}
	if webhook.Live() {
		last := carteiro.ProbeEnded
		if probe := m.attempts[store.AttemptRef{WebhookID: p.WebhookID, ID: webhook.Circuit.Probe}]; probe != nil && probe.isOpen() {
			last = carteiro.ProbeReturned
			if probe.lease != 0 {
				last = carteiro.ProbeHeld
			}
		}
		grant = webhook.Circuit.Grant(p.Now, p.Limit, last)
	}
	var waiting []*modelAttempt
	for _, a := range m.attempts {
		if a.WebhookID == p.WebhookID && a.waiting() {
			waiting = append(waiting, a)
		}
	}
	slices.SortFunc(waiting, func(a, b *modelAttempt) int { return cmp.Or(a.DueAt.Compare(b.DueAt), compareIDs(a.ID, b.ID)) })
	size := 0
	for _, a := range waiting {
		event := m.events[a.EventID]
		size += len(event.Payload)
		n := len(claimed.Deliveries)
		if a.DueAt.After(p.Now) || n == grant.Limit || (n > 0 && size > p.MaxBytes) {
			claimed.NextDue = a.DueAt
			break
		}
		a.lease = p.Session.ID
		claimed.Deliveries = append(claimed.Deliveries, &carteiro.Delivery{Attempt: a.Attempt, Event: &event, Probe: grant.Probe})
	}
	if claimed.HeldBack = grant.Again; !grant.Again.IsZero() {
		var first carteiro.ID
		if len(claimed.Deliveries) > 0 {
			first = claimed.Deliveries[0].ID
		}
		claimed.HeldBack = webhook.Circuit.Granted(grant, p.Now, len(claimed.Deliveries), first, p.Spread)
		m.webhooks[webhook.ID] = webhook
	}
	return claimed, nil
}

func (m *model) Release(_ context.Context, p store.Release) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ref := range p.Attempts {
		if a := m.held(ref, p.Session); a != nil {
			a.lease = 0
		}
	}
	return nil
}

// held gives an attempt that the session holds, or nil.
func (m *model) held(ref store.AttemptRef, session store.Session) *modelAttempt {
	if a := m.attempts[ref]; a != nil && a.isOpen() && m.live(session) && a.lease == session.ID {
		return a
	}
	return nil
}

// Holds reports whether a session holds an attempt. Databases answer the same by Held, which takes the model long.
func (m *model) Holds(session store.Session, ref store.AttemptRef) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held(ref, session) != nil
}

func (m *model) Held(_ context.Context, p store.Held) (refs []store.AttemptRef, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ref := range m.attempts {
		if m.held(ref, p.Session) != nil && compareRefs(ref, p.After) > 0 {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, compareRefs)
	return window(refs, 0, p.Limit), nil
}

func (m *model) Record(_ context.Context, p store.Record) ([]store.Recorded, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	recorded := make([]store.Recorded, len(p.Results))
	told := make(map[carteiro.ID]*store.Recorded)
	versions := make(map[carteiro.ID]int64)
	for id := range m.webhooks {
		versions[id] = m.webhooks[id].Version
	}
	for i := range p.Results {
		r := &p.Results[i]
		a := m.held(store.AttemptRef{WebhookID: r.Delivery.WebhookID, ID: r.Delivery.ID}, p.Session)
		if a == nil {
			recorded[i].Lost = true
			continue
		}
		m.recorded = append(m.recorded, modelRecord{m.events[a.EventID].EnvironmentID, r.Outcome})
		a.lease, a.Outcome = 0, r.Outcome
		if w, found := m.webhooks[a.WebhookID]; found && w.Deleted() {
			continue
		}
		if r.Next != nil {
			next := &modelAttempt{Attempt: *r.Next}
			m.attempts[store.AttemptRef{WebhookID: next.WebhookID, ID: next.ID}] = next
		}
		counts := r.Version == versions[a.WebhookID]
		if counts {
			recorded[i].Disabled = m.learn(a, r, p.Now)
		}
		if r.Exhausted {
			m.notice(r.Delivery.ExhaustedNotification(r.Outcome, p.Now))
		}
		if counts && told[a.WebhookID] == nil {
			told[a.WebhookID] = &recorded[i]
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(told), compareIDs) {
		first := told[id]
		if w, found := m.webhooks[id]; found {
			before := w.Circuit
			first.Circuit = w.Judge(p.Now)
			m.notice(w.CircuitNotification(first.Circuit, before, p.Now))
			m.webhooks[id] = w
		}
	}
	return recorded, nil
}

// learn does to the webhook what follows from a result, and says whether that has disabled it.
func (m *model) learn(a *modelAttempt, r *store.Result, now time.Time) (disabled bool) {
	w, found := m.webhooks[a.WebhookID]
	if !found {
		return false
	}
	sent := r.Outcome.Reason != carteiro.ReasonWebhookDisabled && r.Outcome.Reason != carteiro.ReasonWebhookDeleted
	switch {
	case r.Outcome.Success:
		w.FailuresInARow, w.FailingSince, w.LastError = 0, time.Time{}, ""
	case sent && !m.events[a.EventID].Test:
		if w.FailuresInARow++; w.FailuresInARow == 1 {
			w.FailingSince = r.Outcome.FinishedAt
		}
		w.LastError, w.LastFailedAt = r.Outcome.Error, r.Outcome.FinishedAt
	}
	if r.DisableWebhook && w.Enabled {
		w.Enabled, w.UpdatedAt, w.DisabledBy, w.DisabledAt = false, now, carteiro.DisabledByGone, now
		w.Version++
		m.notice(w.DisabledNotification(r.Outcome.Error))
		disabled = true
	}
	m.webhooks[w.ID] = w
	return disabled
}
