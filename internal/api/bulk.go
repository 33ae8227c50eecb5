package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Bulk begins and changes jobs that retry many entries; see the methods of bulk.Runner.
type Bulk interface {
	Match(ctx context.Context, webhook carteiro.ID, f carteiro.BulkFilter, sample int) (store.LogPage, error)
	Begin(ctx context.Context, owner store.OwnerRef, webhook carteiro.ID, f carteiro.BulkFilter, audit *carteiro.AuditEntry, key *store.Key, expected *int) (carteiro.BulkRetry, error)
	MatchReplay(ctx context.Context, owner store.OwnerRef, f carteiro.ReplayFilter, sample int) (store.EventPage, error)
	Replay(ctx context.Context, owner store.OwnerRef, webhook carteiro.ID, f carteiro.ReplayFilter, audit *carteiro.AuditEntry, key *store.Key, expected *int) (carteiro.BulkRetry, error)
	Change(ctx context.Context, ref store.BulkRef, to carteiro.BulkStatus, audit *carteiro.AuditEntry) (carteiro.BulkRetry, error)
}

// maxSample is how many of the entries that match are shown before a job is begun.
const maxSample = 5

// bulkJSON is a job as it is shown.
type bulkJSON struct {
	ID        carteiro.ID          `json:"id"`
	WebhookID carteiro.ID          `json:"webhook_id"`
	Kind      string               `json:"kind"`
	Status    carteiro.BulkStatus  `json:"status"`
	PausedBy  carteiro.PauseReason `json:"paused_by,omitempty"`
	Filter    bulkFilterJSON       `json:"filter"`
	Matched   int                  `json:"matched"`
	Retried   int                  `json:"retried"`
	Skipped   skippedJSON          `json:"skipped"`
	Remaining int                  `json:"remaining"`
	CreatedAt timestamp            `json:"created_at"`
	UpdatedAt timestamp            `json:"updated_at"`
	EndedAt   timestamp            `json:"ended_at,omitzero"`
}

type bulkFilterJSON struct {
	Status     carteiro.Status `json:"status,omitempty"`
	Event      string          `json:"event,omitempty"`
	EventID    carteiro.ID     `json:"event_id,omitzero"`
	From       timestamp       `json:"from,omitzero"`
	To         timestamp       `json:"to,omitzero"`
	HTTPStatus string          `json:"http_status,omitempty"`
	// Of a replay.
	Events      []string      `json:"events,omitempty"`
	EventIDs    []carteiro.ID `json:"event_ids,omitempty"`
	Undelivered *bool         `json:"undelivered,omitempty"`
}

// The kinds of jobs, as they are shown.
const (
	bulkRetry  = "retry"
	bulkReplay = "replay"
)

type skippedJSON struct {
	Total            int `json:"total"`
	AlreadySucceeded int `json:"already_succeeded"`
	InProgress       int `json:"in_progress"`
	TooOld           int `json:"too_old"`
	RetriedSince     int `json:"retried_since"`
}

func showBulk(job *carteiro.BulkRetry) bulkJSON {
	f, skipped := &job.Filter, &job.Skipped
	shown := bulkJSON{
		ID: job.ID, WebhookID: job.WebhookID, Kind: bulkRetry, Status: job.Status, PausedBy: job.PausedBy,
		Filter: bulkFilterJSON{
			Status: carteiro.StatusFailed, Event: f.EventType, EventID: f.EventID, From: timestamp(f.From), HTTPStatus: showStatusRange(f.HTTP),
		},
		Matched: job.Matched, Retried: job.Retried,
		Skipped: skippedJSON{
			skipped.Total(), skipped.AlreadySucceeded, skipped.InProgress, skipped.TooOld, skipped.RetriedSince,
		},
		Remaining: job.Remaining(), CreatedAt: timestamp(job.CreatedAt()), UpdatedAt: timestamp(job.UpdatedAt), EndedAt: timestamp(job.EndedAt),
	}
	to := f.To
	if r := job.Replay; r != nil {
		shown.Kind, to = bulkReplay, r.To
		shown.Filter = bulkFilterJSON{Events: r.EventTypes, EventIDs: r.EventIDs, From: timestamp(r.From), Undelivered: &r.Undelivered}
	}
	if !to.IsZero() {
		shown.Filter.To = timestamp(to.Add(-time.Microsecond)) // as it was asked for; see includeTo
	}
	return shown
}

func (s *server) retryLogs(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	filter, start, err := r.bulkFilter()
	if err != nil {
		return err
	}
	if start.dryRun {
		page, err := s.Bulk.Match(r.Context(), at.webhook.ID, filter, maxSample)
		if err != nil {
			return err
		}
		return r.answerLogs(&page, fmt.Sprintf(`{"success":true,"data":{"matching":%d,"sample":[`, page.Total), "]}}", nil, "")
	}
	if !at.webhook.Enabled {
		return s.jobForKey(r, at.webhook.ID, start.key, msgBulkQueued)
	}
	job, err := s.Bulk.Begin(r.Context(), at.ref, at.webhook.ID, filter, r.auditEntry(carteiro.BulkRetryBegun, carteiro.SubjectOf(
		at.webhook, carteiro.SubjectBulkRetry, carteiro.ID{}, // made when it begins
	)), start.key, start.expected)
	if err != nil {
		return s.jobNotStarted(r, at.webhook.ID, err)
	}
	return r.respond(http.StatusAccepted, answer{Message: msgBulkQueued, Data: showBulk(&job)})
}

var bulkFields = []string{fieldStatus, fieldEvent, fieldEventID, fieldFrom, fieldTo, fieldHTTPStatus, fieldDryRun, fieldExpected}

// bulkFilter reads what is to be retried.
func (r *request) bulkFilter() (f carteiro.BulkFilter, start jobStart, err error) {
	var faults faults
	in, start, err := r.jobInput(bulkFields, &faults)
	if err != nil {
		return f, start, err
	}
	status := carteiro.StatusFailed
	choice(&in, &status, fieldStatus, carteiro.StatusFailed)
	in.optionalText(&f.EventType, fieldEvent, maxQueryText)
	in.id(&f.EventID, fieldEventID)
	in.time(&f.From, fieldFrom)
	in.time(&f.To, fieldTo)
	f.To = includeTo(f.To)
	var httpStatus string
	if raw, ok := in.given(fieldHTTPStatus); ok && isNumber(raw) {
		httpStatus = statusText(raw)
	} else {
		in.optionalText(&httpStatus, fieldHTTPStatus, maxQueryText)
	}
	f.HTTP = parseStatusRange(httpStatus, &faults)
	return f, start, faults.err()
}

// jobStart is what a call that starts a job says beside its filter.
type jobStart struct {
	dryRun   bool
	expected *int // how many entries the caller has seen to match
	key      *store.Key
}

// maxExpected is more entries than there are.
const maxExpected = 1 << 52

// jobInput is strictInput for a call that starts a job. It reads what all of them have.
func (r *request) jobInput(known []string, f *faults) (in input, start jobStart, err error) {
	start.key, err = r.bufferedKey(f)
	if err != nil {
		return in, start, err
	}
	in, err = r.strictInput(known, false, f)
	if err != nil {
		return in, start, err
	}
	in.boolean(&start.dryRun, fieldDryRun)
	if _, given := in.given(fieldExpected); given {
		start.expected = new(int)
		in.integer(start.expected, fieldExpected, 0, maxExpected)
	}
	return in, start, nil
}

// jobNotStarted is the answer when a job was not begun.
func (s *server) jobNotStarted(r *request, webhook carteiro.ID, err error) error {
	switch {
	case errors.Is(err, store.ErrConflict):
		return s.bulkConflict(r, webhook)
	case errors.Is(err, store.ErrCount):
		return errCountChanged
	default:
		return missing(err, errWebhookNotFound)
	}
}

// jobForKey answers with the job that a key started while the webhook was enabled. Without such a job it fails with errWebhookDisabled.
func (s *server) jobForKey(r *request, webhook carteiro.ID, key *store.Key, message string) error {
	before, err := r.before(key)
	if err != nil {
		return err
	}
	if before == nil {
		return errWebhookDisabled
	}
	ref, err := (&store.CreateBulkRetry{WebhookID: webhook, Key: key}).JobOf(before)
	if err != nil {
		return errKeyReused
	}
	job, err := s.Store.GetBulkRetry(r.Context(), ref)
	if err != nil {
		return missing(err, errBulkNotFound)
	}
	return r.respond(http.StatusAccepted, answer{Message: message, Data: showBulk(&job)})
}

// bulkConflict is the answer while another job of the webhook is open, which it names.
func (s *server) bulkConflict(r *request, webhook carteiro.ID) error {
	jobs, _, err := s.Store.ListBulkRetries(r.Context(), store.ListBulkRetries{WebhookID: webhook, Limit: 1}) // the newest, if any, is open
	if err != nil {
		return err
	}
	if len(jobs) == 0 || jobs[0].Status.Ended() {
		return errBulkOpen // it has ended since
	}
	return newFailure(http.StatusConflict, msgBulkOpen, member{"code", codeBulkOpen}, member{"retry_id", jobs[0].ID.String()})
}

// bulkRef names the job of the path.
func (r *request) bulkRef(webhook carteiro.ID) (store.BulkRef, error) {
	id, err := r.pathID(pathBulk, errBulkNotFound)
	return store.BulkRef{WebhookID: webhook, ID: id}, err
}

func (s *server) listBulk(r *request, k *ownerRoutes) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	q := r.query()
	p := q.page(defaultLogs)
	if err := q.faults.err(); err != nil {
		return err
	}
	jobs, total, err := s.Store.ListBulkRetries(r.Context(), store.ListBulkRetries{WebhookID: at.webhook.ID, Limit: p.PerPage, Offset: p.offset()})
	if err != nil {
		return err
	}
	p.setTotal(total)
	shown := make([]bulkJSON, len(jobs))
	for i := range jobs {
		shown[i] = showBulk(&jobs[i])
	}
	return r.respond(http.StatusOK, answer{Data: shown, Pagination: p})
}

func (s *server) getBulk(r *request, k *ownerRoutes) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	ref, err := r.bulkRef(at.webhook.ID)
	if err != nil {
		return err
	}
	job, err := s.Store.GetBulkRetry(r.Context(), ref)
	if err != nil {
		return missing(err, errBulkNotFound)
	}
	return r.respond(http.StatusOK, answer{Data: showBulk(&job)})
}

var pauseFields = []string{fieldPaused}

func (s *server) pauseBulk(r *request, k *ownerRoutes) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	ref, err := r.bulkRef(at.webhook.ID)
	if err != nil {
		return err
	}
	job, err := s.Store.GetBulkRetry(r.Context(), ref)
	if err != nil {
		return missing(err, errBulkNotFound)
	}
	var f faults
	in, err := r.strictInput(pauseFields, true, &f)
	if err != nil {
		return err
	}
	paused := false
	if _, ok := in.required(fieldPaused); ok {
		in.boolean(&paused, fieldPaused)
	}
	if err := f.err(); err != nil {
		return err
	}
	if !paused && job.Status == carteiro.BulkPaused && !at.webhook.Deleted() && !at.webhook.Enabled {
		return errWebhookDisabled // it would be paused again at once
	}
	to := carteiro.BulkRunning
	if paused {
		to = carteiro.BulkPaused
	}
	action := carteiro.BulkRetryResumed
	if paused {
		action = carteiro.BulkRetryPaused
	}
	return s.changeBulk(r, at.webhook, ref, to, action)
}

func (s *server) cancelBulk(r *request, k *ownerRoutes) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	ref, err := r.bulkRef(at.webhook.ID)
	if err != nil {
		return err
	}
	return s.changeBulk(r, at.webhook, ref, carteiro.BulkCancelled, carteiro.BulkRetryCancelled)
}

func (s *server) changeBulk(r *request, w *carteiro.Webhook, ref store.BulkRef, to carteiro.BulkStatus, action carteiro.AuditAction) error {
	job, err := s.Bulk.Change(r.Context(), ref, to, r.auditEntry(action, carteiro.SubjectOf(w, carteiro.SubjectBulkRetry, ref.ID)))
	if errors.Is(err, store.ErrConflict) {
		return errBulkEnded
	}
	if err != nil {
		return missing(err, errBulkNotFound)
	}
	return r.respond(http.StatusOK, answer{Data: showBulk(&job)})
}
