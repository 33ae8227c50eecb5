package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// logJSON is an entry of the delivery log as it is shown. What has no value is left out.
type logJSON struct {
	ID                carteiro.ID       `json:"id"`
	WebhookID         carteiro.ID       `json:"webhook_id"`
	Event             string            `json:"event"`
	EventID           carteiro.ID       `json:"event_id"`
	Attempt           int               `json:"attempt"`
	Trigger           carteiro.Trigger  `json:"trigger"`
	OriginalLogID     carteiro.ID       `json:"original_log_id,omitzero"`
	Status            carteiro.Status   `json:"status"`
	HTTPStatus        int               `json:"http_status,omitempty"`
	RequestURL        string            `json:"request_url,omitempty"`
	RequestHeaders    map[string]string `json:"request_headers,omitempty"`
	RequestPayload    json.RawMessage   `json:"request_payload,omitempty"`
	ResponseHeaders   map[string]string `json:"response_headers,omitempty"`
	ResponseBody      string            `json:"response_body,omitempty"`
	ResponseTruncated bool              `json:"response_truncated,omitempty"`
	Error             string            `json:"error,omitempty"`
	ErrorDetail       string            `json:"error_detail,omitempty"`
	DurationMS        *int64            `json:"duration_ms,omitempty"`
	SentAt            timestamp         `json:"sent_at,omitzero"`
	NextAttemptAt     timestamp         `json:"next_attempt_at,omitzero"`
	WaitingFor        string            `json:"waiting_for,omitempty"`
	DeliveredAt       timestamp         `json:"delivered_at,omitzero"`
	CreatedAt         timestamp         `json:"created_at"`
}

// waitingForProxy says that an attempt is due and held because the egress proxy is unavailable.
const waitingForProxy = "proxy"

func (r *request) showLog(a *carteiro.Attempt) logJSON {
	shown := logJSON{
		ID: a.ID, WebhookID: a.WebhookID, Event: a.EventType, EventID: a.EventID,
		Attempt: a.Number, Trigger: a.Trigger, OriginalLogID: a.PreviousID, Status: a.Status,
		CreatedAt: timestamp(a.CreatedAt()),
	}
	if a.Status == carteiro.StatusPending && a.DueAt.After(a.CreatedAt()) {
		shown.NextAttemptAt = timestamp(a.DueAt)
	}
	o := a.Outcome
	if o == nil {
		if r.s.ProxyDown != nil && r.s.ProxyDown() && !a.DueAt.After(r.begun) {
			shown.WaitingFor = waitingForProxy
		}
		return shown
	}
	shown.HTTPStatus = o.HTTPStatus
	shown.RequestURL = o.RequestURL
	shown.RequestHeaders = r.redactSignatures(showHeader(o.RequestHeaders))
	shown.RequestPayload = showBody(o.RequestBody)
	shown.ResponseHeaders = showHeader(o.ResponseHeaders)
	shown.ResponseBody = string(o.ResponseBody) // encoding/json replaces what is no UTF-8
	shown.ResponseTruncated = o.ResponseTruncated
	shown.Error, shown.ErrorDetail = logError(o), o.Detail
	shown.SentAt = timestamp(o.SentAt())
	if o.Duration > 0 {
		ms := o.Duration.Milliseconds()
		shown.DurationMS = &ms
	}
	if o.Success {
		shown.DeliveredAt = timestamp(o.FinishedAt)
	}
	return shown
}

// logError is the cause of a failure: of an answer that is not 2xx its reason phrase, which everywhere else stands behind
// the status.
func logError(o *carteiro.Outcome) string {
	if o.HTTPStatus == 0 {
		return o.Error
	}
	return strings.TrimPrefix(o.Error, fmt.Sprintf("HTTP %d ", o.HTTPStatus))
}

// showHeader gives headers as an object of strings.
func showHeader(h http.Header) map[string]string {
	shown := make(map[string]string, len(h))
	for name, values := range h {
		shown[name] = strings.Join(values, ", ")
	}
	return shown
}

// showBody gives a body as the JSON it is, or as a string should it be none.
func showBody(body []byte) json.RawMessage {
	if len(body) == 0 || json.Valid(body) {
		return body
	}
	return appendString(nil, string(body))
}

func (s *server) listLogs(r *request, k *ownerRoutes) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	q := r.query()
	p := q.page(defaultLogs)
	list := q.logFilter(at.webhook.ID)
	list.From, list.To = q.time(fieldFrom), includeTo(q.time(fieldTo))
	list.IDs, list.Before = q.idRange(), q.cursor()
	list.Limit, list.Offset, list.Brief = p.PerPage, p.offset(), true
	if err := q.faults.err(); err != nil {
		return err
	}
	if !list.Before.IsZero() {
		p.CurrentPage, list.Offset = 1, 0
	}
	logs, err := s.Store.ListLogs(r.Context(), list)
	if err != nil {
		return err
	}
	p.setTotal(logs.Total)
	p.TotalIsLowerBound = logs.TotalIsLowerBound
	if logs.More && len(logs.Attempts) > 0 {
		p.NextCursor = encodeCursor(logs.Attempts[len(logs.Attempts)-1].ID)
	}
	return r.answerLogs(&logs, `{"success":true,"data":[`, `],"pagination":`, p, "}")
}

func (s *server) getLog(r *request, k *ownerRoutes) error {
	at, err := r.webhookWithLogs(k)
	if err != nil {
		return err
	}
	id, err := r.pathID(pathLog, errLogNotFound)
	if err != nil {
		return err
	}
	log, err := s.Store.GetLog(r.Context(), store.AttemptRef{WebhookID: at.webhook.ID, ID: id})
	if err != nil {
		return missing(err, errLogNotFound)
	}
	return r.respond(http.StatusOK, answer{Data: r.showLog(log)})
}

// cursor reads where the page before ended.
func (q *query) cursor() carteiro.ID {
	s := q.values.Get(fieldCursor)
	if s == "" {
		return carteiro.ID{}
	}
	id, ok := decodeCursor(s)
	if !ok {
		q.faults.add(fieldCursor, isNotAmongTheSelection)
	}
	return id
}

// encodeCursor makes the cursor that continues behind an entry.
func encodeCursor(last carteiro.ID) string { return base64.RawURLEncoding.EncodeToString(last[:]) }

func decodeCursor(s string) (id carteiro.ID, ok bool) {
	if len(s) != base64.RawURLEncoding.EncodedLen(len(id)) {
		return id, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(id) { // line breaks do not count as characters there
		return id, false
	}
	return carteiro.ID(b), carteiro.ID(b) != carteiro.ID{}
}
