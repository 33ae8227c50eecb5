package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"carteiro"
	"carteiro/internal/store"
)

// model is the port in its plainest form: everything in memory, found by looking at all of it. Random histories are
// held against it, and it passes the suite itself, so that the two say the same.
type model struct {
	store.Audit  // not asked: histories have no actors
	mu           sync.Mutex
	environments []carteiro.Environment
	tokens       []carteiro.Token
	owners       map[store.OwnerRef]carteiro.Owner
	webhooks     map[carteiro.ID]carteiro.Webhook
	sessions     map[int64]time.Time // until
	joined       int64
	events       map[carteiro.ID]carteiro.Event
	attempts     map[store.AttemptRef]*modelAttempt
	keys         map[modelKey]store.Key
	recorded     []modelRecord
	minutesFrom  time.Time // activity before is gone
	hoursFrom    time.Time
	jobs         []carteiro.BulkRetry
	notices      []carteiro.Notice
	noticed      uint64
}

// modelAttempt is an attempt, open as long as it has no outcome.
type modelAttempt struct {
	carteiro.Attempt
	lease int64
}

type modelKey struct {
	environment carteiro.ID
	key         string
}

var _ store.Store = (*model)(nil)

// NewModel gives the port in its plainest form, all in memory and gone with it: for tests that need a store that is right,
// and quick.
func NewModel() store.Store { return newModel() }

func newModel() *model {
	return &model{
		owners:   make(map[store.OwnerRef]carteiro.Owner),
		webhooks: make(map[carteiro.ID]carteiro.Webhook),
		sessions: make(map[int64]time.Time),
		events:   make(map[carteiro.ID]carteiro.Event),
		attempts: make(map[store.AttemptRef]*modelAttempt),
		keys:     make(map[modelKey]store.Key),
	}
}

func (m *model) Ping(context.Context) error { return nil }
func (m *model) Close() error               { return nil }

func (m *model) CreateEnvironment(_ context.Context, p store.CreateEnvironment) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.environments, func(e carteiro.Environment) bool { return e.ID == p.Environment.ID }) {
		return store.ErrConflict
	}
	if err := m.addToken(p.Token); err != nil {
		return err
	}
	m.environments = append(m.environments, p.Environment)
	own := p.Environment.Owner()
	m.owners[store.OwnerRef{EnvironmentID: own.EnvironmentID, Kind: own.Kind, ID: own.ID}] = own
	return nil
}

func (m *model) addToken(token carteiro.Token) error {
	if slices.ContainsFunc(m.tokens, func(other carteiro.Token) bool { return other.ID == token.ID || other.Hash == token.Hash }) {
		return store.ErrConflict
	}
	m.tokens = append(m.tokens, token)
	return nil
}

func (m *model) ListEnvironments(context.Context) ([]carteiro.Environment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(slices.Values(m.environments), func(a, b carteiro.Environment) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), compareIDs(a.ID, b.ID))
	}), nil
}

func (m *model) PutOwner(_ context.Context, p store.PutOwner) (carteiro.Owner, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ref := store.OwnerRef{EnvironmentID: p.Owner.EnvironmentID, Kind: p.Owner.Kind, ID: p.Owner.ID}
	owner := p.Owner
	before, found := m.owners[ref]
	if found {
		owner.CreatedAt = before.CreatedAt
		if p.KeepAgent {
			owner.AgentID = before.AgentID
		}
	}
	m.owners[ref] = owner
	return owner, !found, nil
}

func (m *model) GetOwner(_ context.Context, ref store.OwnerRef) (carteiro.Owner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	owner, found := m.owners[ref]
	if !found {
		return owner, store.ErrNotFound
	}
	return owner, nil
}

func (m *model) ListOwners(_ context.Context, p store.ListOwners) ([]carteiro.Owner, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []carteiro.Owner
	for ref, owner := range m.owners {
		if ref.EnvironmentID == p.EnvironmentID && ref.Kind == p.Kind &&
			strings.Contains(strings.ToLower(owner.Name), strings.ToLower(p.Search)) {
			found = append(found, owner)
		}
	}
	slices.SortFunc(found, func(a, b carteiro.Owner) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), compareIDs(b.ID, a.ID))
	})
	return window(found, p.Offset, p.Limit), len(found), nil
}

// window gives a page of all.
func window[T any](all []T, offset, limit int) []T {
	all = all[min(offset, len(all)):]
	return all[:min(limit, len(all))]
}

func (m *model) DeleteOwner(_ context.Context, p store.DeleteOwner) (deleted []carteiro.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, found := m.owners[p.OwnerRef]; !found {
		return nil, store.ErrNotFound
	}
	delete(m.owners, p.OwnerRef)
	for ref, owner := range m.owners {
		if p.Kind == carteiro.OwnerAgent && ref.EnvironmentID == p.EnvironmentID && owner.AgentID == p.ID {
			owner.AgentID = carteiro.ID{}
			m.owners[ref] = owner
		}
	}
	for id, w := range m.webhooks {
		if ownerOf(&w) == p.OwnerRef && !w.Deleted() {
			w.DeletedAt, w.UpdatedAt = p.Now, p.Now
			w.Version++
			m.webhooks[id] = w
			deleted = append(deleted, id)
		}
	}
	return deleted, nil
}

func ownerOf(w *carteiro.Webhook) store.OwnerRef {
	return store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID}
}

func (m *model) CreateWebhook(_ context.Context, p store.CreateWebhook) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	webhook := p.Webhook
	if _, found := m.owners[ownerOf(webhook)]; !found {
		return store.ErrNotFound
	}
	if _, found := m.webhooks[webhook.ID]; found {
		return store.ErrConflict
	}
	siblings := 0
	for _, w := range m.webhooks {
		if ownerOf(&w) == ownerOf(webhook) && !w.Deleted() {
			siblings++
		}
	}
	if p.Most > 0 && siblings >= p.Most {
		return store.ErrTooMany
	}
	webhook.Version = 1
	stored := *webhook
	stored.FailuresInARow, stored.FailingSince, stored.LastError, stored.LastFailedAt = 0, time.Time{}, "", time.Time{}
	stored.Circuit, stored.DisabledBy, stored.DisabledAt = carteiro.Circuit{}, "", time.Time{}
	m.webhooks[webhook.ID] = stored
	return nil
}

func (m *model) UpdateWebhook(_ context.Context, p store.UpdateWebhook) error {
	webhook := p.Webhook
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, found := m.webhooks[webhook.ID]
	switch {
	case !found || stored.Deleted():
		return store.ErrNotFound
	case stored.Version != webhook.Version:
		return store.ErrConflict
	}
	webhook.Version++
	webhook.ChangedFrom(&stored, webhook.UpdatedAt)
	changed := *webhook
	changed.EnvironmentID, changed.OwnerKind, changed.OwnerID = stored.EnvironmentID, stored.OwnerKind, stored.OwnerID
	changed.CreatedAt = stored.CreatedAt
	m.webhooks[webhook.ID] = changed
	return nil
}

func (m *model) GetWebhook(_ context.Context, id carteiro.ID) (*carteiro.Webhook, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, found := m.webhooks[id]
	if !found {
		return nil, store.ErrNotFound
	}
	return &w, nil
}

func (m *model) ListWebhooks(_ context.Context, ref store.OwnerRef) (webhooks []*carteiro.Webhook, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.webhooks {
		if ownerOf(&w) == ref && !w.Deleted() {
			webhooks = append(webhooks, &w)
		}
	}
	slices.SortFunc(webhooks, func(a, b *carteiro.Webhook) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), compareIDs(a.ID, b.ID))
	})
	return webhooks, nil
}

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
	// Everything is done on copies, which take the place of the originals when nothing fails.
	keys, events, attempts := maps.Clone(m.keys), maps.Clone(m.events), maps.Clone(m.attempts)
	defer func() {
		if err != nil {
			m.keys, m.events, m.attempts = keys, events, attempts
		}
	}()
	m.keep(p.Key)
	result.Items = make([]*store.Replay, len(p.Items))
	for i, item := range p.Items {
		if result.Items[i] = m.before(item.Key, p.Now); result.Items[i] != nil {
			continue
		}
		m.keep(item.Key)
		if err := m.acceptItem(p.Session, item); err != nil {
			return store.AcceptResult{}, err
		}
	}
	return result, nil
}

func (m *model) acceptItem(session store.Session, item store.AcceptItem) error {
	e := item.Event
	if _, found := m.events[e.ID]; found {
		return errExists
	}
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

func (m *model) keep(key *store.Key) {
	if key != nil {
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
	claimed.Version = webhook.Version
	grant := carteiro.Grant{Limit: p.Limit}
	if webhook.Live() {
		probe := m.attempts[store.AttemptRef{WebhookID: p.WebhookID, ID: webhook.Circuit.Probe}]
		grant = webhook.Circuit.Grant(p.Now, p.Limit, probe != nil && probe.isOpen() && probe.lease != 0)
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
	for i := range p.Results {
		r := &p.Results[i]
		a := m.held(store.AttemptRef{WebhookID: r.Delivery.WebhookID, ID: r.Delivery.ID}, p.Session)
		if a == nil {
			recorded[i].Lost = true
			continue
		}
		m.recorded = append(m.recorded, modelRecord{m.events[a.EventID].EnvironmentID, r.Outcome})
		a.lease, a.Outcome = 0, r.Outcome
		if r.Next != nil {
			next := &modelAttempt{Attempt: *r.Next}
			m.attempts[store.AttemptRef{WebhookID: next.WebhookID, ID: next.ID}] = next
		}
		m.learn(a, r, p.Now)
		if r.Exhausted {
			m.notice(r.Delivery.ExhaustedNotice(r.Outcome, p.Now))
		}
		if told[a.WebhookID] == nil {
			told[a.WebhookID] = &recorded[i]
		}
	}
	for id, first := range told {
		if w, found := m.webhooks[id]; found {
			before := w.Circuit
			if first.Circuit = w.Judge(p.Now); first.Circuit != carteiro.CircuitUnchanged {
				w.Version++
			}
			m.notice(w.CircuitNotice(first.Circuit, before, p.Now))
			m.webhooks[id] = w
		}
	}
	return recorded, nil
}

// learn does to the webhook what follows from a result.
func (m *model) learn(a *modelAttempt, r *store.Result, now time.Time) {
	w, found := m.webhooks[a.WebhookID]
	if !found {
		return
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
		m.notice(w.DisabledNotice(r.Outcome.Error))
	}
	m.webhooks[w.ID] = w
}

func (m *model) Retry(_ context.Context, p store.Retry) (result store.RetryResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if result.Replay = m.before(p.Key, p.Now); result.Replay != nil {
		return result, nil
	}
	delivery, refused, err := m.wouldRetry(&p)
	switch {
	case err != nil:
		return result, err
	case refused != "":
		result.Refused = refused
	case p.Held && !m.live(p.Session):
		return result, store.ErrLeaseLost
	default:
		m.keep(p.Key)
		a := &modelAttempt{Attempt: delivery.Attempt}
		if p.Held {
			a.lease = p.Session.ID
		}
		m.attempts[store.AttemptRef{WebhookID: a.WebhookID, ID: a.ID}] = a
		result.Delivery = delivery
	}
	return result, nil
}

// wouldRetry says what a retry would make, and why it is refused, if it is.
func (m *model) wouldRetry(p *store.Retry) (d *carteiro.Delivery, refused carteiro.NotRetriable, err error) {
	w, found := m.webhooks[p.WebhookID]
	log := m.attempts[store.AttemptRef{WebhookID: p.WebhookID, ID: p.LogID}]
	if !found || w.Deleted() || ownerOf(&w) != p.OwnerRef || log == nil {
		return nil, "", store.ErrNotFound
	}
	delivered, open, highest := m.eventAt(log.EventID, p.WebhookID)
	switch {
	case delivered:
		refused = carteiro.AlreadySucceeded
	case open:
		refused = carteiro.InProgress
	case compareIDs(log.ID, carteiro.MinID(p.NotBefore)) < 0:
		refused = carteiro.TooOld
	case !w.Enabled:
		refused = carteiro.WebhookOff
	}
	event := m.events[log.EventID]
	return &carteiro.Delivery{Event: &event, Attempt: carteiro.Attempt{
		ID: p.NewID, WebhookID: p.WebhookID, EventID: log.EventID, EventType: log.EventType,
		Number: highest + 1, ChainStart: highest + 1, Trigger: p.Trigger, PreviousID: p.LogID,
		DueAt: p.Now, Status: carteiro.StatusPending,
	}}, refused, nil
}

func (m *model) PreviewRetry(_ context.Context, p store.PreviewRetry) (preview store.RetryPreview, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	preview.Delivery, preview.Refused, err = m.wouldRetry(&store.Retry{
		LogRef: p.LogRef, Now: p.Now, NotBefore: p.NotBefore, NewID: p.NewID, Trigger: carteiro.TriggerManual,
	})
	if err == nil {
		preview.Log = m.read(m.attempts[store.AttemptRef{WebhookID: p.WebhookID, ID: p.LogID}])
	}
	return preview, err
}

// eventAt says how an event stands at a webhook.
func (m *model) eventAt(event, webhook carteiro.ID) (delivered, open bool, highest int) {
	for _, a := range m.attempts {
		if a.EventID == event && a.WebhookID == webhook {
			delivered = delivered || a.Outcome != nil && a.Outcome.Success
			open = open || a.isOpen()
			highest = max(highest, a.Number)
		}
	}
	return delivered, open, highest
}

func (m *model) Purge(_ context.Context, p store.Purge) (more bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.keys, func(_ modelKey, key store.Key) bool { return !key.ExpiresAt.After(p.Now) })
	var old []store.AttemptRef
	for ref, a := range m.attempts {
		if !a.isOpen() && compareIDs(ref.ID, carteiro.MinID(p.Before)) < 0 {
			old = append(old, ref)
		}
	}
	for _, ref := range window(old, 0, p.Limit) {
		delete(m.attempts, ref)
	}
	maps.DeleteFunc(m.events, func(id carteiro.ID, _ carteiro.Event) bool {
		for _, a := range m.attempts {
			if a.EventID == id {
				return false
			}
		}
		return compareIDs(id, carteiro.MinID(p.Before)) < 0
	})
	m.tokens = slices.DeleteFunc(m.tokens, func(t carteiro.Token) bool { return t.Session && t.Expired(p.Now) })
	m.minutesFrom, m.hoursFrom = p.Now.Add(-store.MinutesKept).Truncate(time.Minute), p.Now.Add(-store.HoursKept).Truncate(time.Hour)
	m.jobs = slices.DeleteFunc(m.jobs, func(j carteiro.BulkRetry) bool { return j.Status.Ended() && j.EndedAt.Before(p.Before) })
	return len(old) > p.Limit, nil
}

func (m *model) GetLog(_ context.Context, ref store.AttemptRef) (*carteiro.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.attempts[ref]
	if a == nil {
		return nil, store.ErrNotFound
	}
	return m.read(a), nil
}

// read gives an attempt as a reader sees it.
func (m *model) read(a *modelAttempt) *carteiro.Attempt {
	seen := a.Attempt
	if a.isOpen() {
		return &seen
	}
	seen.Status = a.Outcome.Status()
	for _, next := range m.attempts {
		if seen.Status == carteiro.StatusFailed && next.isOpen() && next.IsRetry() &&
			next.PreviousID == a.ID && next.WebhookID == a.WebhookID {
			seen.Status = carteiro.StatusRetrying
		}
	}
	return &seen
}

func (m *model) ListLogs(_ context.Context, p store.ListLogs) (page store.LogPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*carteiro.Attempt
	for _, a := range m.attempts {
		if a.WebhookID != p.WebhookID {
			continue
		}
		if seen := m.read(a); matches(seen, &p) {
			page.Total++
			if p.Before.IsZero() || compareIDs(seen.ID, p.Before) < 0 {
				found = append(found, seen)
			}
		}
	}
	slices.SortFunc(found, func(a, b *carteiro.Attempt) int { return compareIDs(b.ID, a.ID) })
	page.Attempts = window(found, p.Offset, p.Limit)
	page.More = len(found) > p.Offset+p.Limit
	page.TotalIsLowerBound = p.IDs != nil && m.tooMany(p.WebhookID, *p.IDs)
	return page, nil
}

// tooMany says whether more entries or events are in a range than are looked at.
func (m *model) tooMany(webhook carteiro.ID, ids store.IDRange) bool {
	entries, events := 0, 0
	for ref := range m.attempts {
		if ref.WebhookID == webhook && inRange(ref.ID, ids) {
			entries++
		}
	}
	for id := range m.events {
		if inRange(id, ids) {
			events++
		}
	}
	return max(entries, events) > store.MaxFound
}

func matches(a *carteiro.Attempt, p *store.ListLogs) bool {
	return (p.Status == "" || a.Status == p.Status) &&
		(p.EventType == "" || a.EventType == p.EventType) &&
		(p.EventID.IsZero() || a.EventID == p.EventID) &&
		(p.HTTP == nil || a.Outcome != nil && p.HTTP.Has(a.Outcome.HTTPStatus)) &&
		(p.IDs == nil || inRange(a.ID, *p.IDs) || inRange(a.EventID, *p.IDs)) &&
		(p.From.IsZero() || compareIDs(a.ID, carteiro.MinID(p.From)) >= 0) &&
		(p.To.IsZero() || compareIDs(a.ID, carteiro.MinID(p.To)) < 0)
}

func inRange(id carteiro.ID, r store.IDRange) bool {
	return compareIDs(r.First, id) <= 0 && compareIDs(id, r.Last) <= 0
}

func compareIDs(a, b carteiro.ID) int { return bytes.Compare(a[:], b[:]) }

func compareRefs(a, b store.AttemptRef) int {
	return cmp.Or(compareIDs(a.WebhookID, b.WebhookID), compareIDs(a.ID, b.ID))
}
