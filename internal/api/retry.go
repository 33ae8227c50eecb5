package api

import (
	"errors"
	"net/http"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// retryJSON is the answer to a manual retry.
type retryJSON struct {
	LogID         carteiro.ID `json:"log_id"`
	OriginalLogID carteiro.ID `json:"original_log_id"`
	QueuedAt      timestamp   `json:"queued_at"`
}

func (s *server) retryLog(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	log := store.LogRef{OwnerRef: at.ref, WebhookID: at.webhook.ID}
	if log.LogID, err = r.pathID(pathLog, errLogNotFound); err != nil {
		return err
	}
	var f faults
	key := r.idempotencyKey(nil, &f)
	if err := f.err(); err != nil {
		// Only a log that is there can be asked for in a wrong way.
		if _, missed := s.Store.GetLog(r.Context(), store.AttemptRef{WebhookID: log.WebhookID, ID: log.LogID}); missed != nil {
			return missing(missed, errLogNotFound)
		}
		return err
	}
	retried, err := s.Publisher.Retry(r.Context(), log, key, r.auditEntry(carteiro.LogRetried, carteiro.SubjectOf(at.webhook, carteiro.SubjectLog, log.LogID)))
	var refused publish.RefusedError
	if errors.As(err, &refused) {
		return notRetriable(refused.Reason)
	}
	if err != nil {
		return missing(err, errLogNotFound)
	}
	return r.respond(http.StatusOK, answer{Message: k.messages.retryQueued, Data: retryJSON{
		retried.LogID, retried.OriginalLogID, timestamp(retried.QueuedAt),
	}})
}
