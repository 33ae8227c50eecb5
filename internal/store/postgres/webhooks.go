package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"carteiro"
	"carteiro/internal/store"
)

const webhookColumns = `id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row, created_at, updated_at, deleted_at,
	failing_since, last_failed_at, last_error, settings`

const (
	getWebhook   = `SELECT ` + webhookColumns + ` FROM webhooks WHERE id = $1`
	listWebhooks = `SELECT ` + webhookColumns + ` FROM webhooks
		WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3 AND deleted_at IS NULL ORDER BY created_at, id`
	// The owner must not go while a webhook comes, and webhooks come one after the other, so that they can be counted.
	keepOwner    = `SELECT 1 FROM owners WHERE environment_id = $1 AND kind = $2 AND id = $3 FOR NO KEY UPDATE`
	countOfOwner = `SELECT count(*) FROM webhooks
		WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3 AND deleted_at IS NULL`
	insertWebhook = `INSERT INTO webhooks (id, environment_id, owner_kind, owner_id, enabled, version, failures_in_a_row, last_error,
		created_at, updated_at, deleted_at, settings, folded) VALUES ($1, $2, $3, $4, $5, 1, 0, '', $6, $7, $8, $9, $10)`
	updateWebhook = `UPDATE webhooks SET enabled = $3, version = version + 1, updated_at = $4, deleted_at = $5, settings = $6, folded = $7
		WHERE id = $1 AND version = $2 AND deleted_at IS NULL RETURNING owner_kind, owner_id, environment_id`
	webhookThere   = `SELECT EXISTS (SELECT FROM webhooks WHERE id = $1 AND deleted_at IS NULL)`
	deleteWebhooks = `UPDATE webhooks SET version = version + 1, updated_at = $4, deleted_at = $4
		WHERE environment_id = $1 AND owner_kind = $2 AND owner_id = $3 AND deleted_at IS NULL RETURNING id`
)

// settings are what no query asks for of a webhook, as JSON. Templates are kept as strings, because encoding/json
// would change the bytes of raw JSON.
type settings struct {
	Name              string                       `json:"name"`
	URL               string                       `json:"url"`
	Events            []string                     `json:"events"`
	IncludeCallEvents bool                         `json:"include_call_events,omitempty"`
	Secret            string                       `json:"secret,omitempty"`
	TimeoutNanos      int64                        `json:"timeout_ns"`
	MaxRetries        int                          `json:"max_retries"`
	HTTPMethod        string                       `json:"http_method"`
	Scheme            carteiro.AuthorizationScheme `json:"authorization_scheme"`
	Value             string                       `json:"authorization_value,omitempty"`
	CustomHeaders     []carteiro.Header            `json:"custom_headers"`
	PayloadTemplates  map[string]string            `json:"payload_templates"`
}

func encodeSettings(w *carteiro.Webhook) ([]byte, error) {
	s := settings{
		Name: w.Name, URL: w.URL, Events: w.Events, IncludeCallEvents: w.IncludeCallEvents, Secret: w.Secret,
		TimeoutNanos: int64(w.Timeout), MaxRetries: w.MaxRetries, HTTPMethod: w.HTTPMethod,
		Scheme: w.AuthorizationScheme, Value: w.AuthorizationValue, CustomHeaders: w.CustomHeaders,
	}
	if w.PayloadTemplates != nil {
		s.PayloadTemplates = make(map[string]string, len(w.PayloadTemplates))
	}
	for eventType, template := range w.PayloadTemplates {
		s.PayloadTemplates[eventType] = string(template)
	}
	return json.Marshal(s) //nolint:gosec // a delivery is signed with the secret itself: it must be kept
}

func (s *settings) decodeInto(w *carteiro.Webhook) {
	w.Name, w.URL, w.Events, w.IncludeCallEvents, w.Secret = s.Name, s.URL, s.Events, s.IncludeCallEvents, s.Secret
	w.Timeout, w.MaxRetries, w.HTTPMethod = time.Duration(s.TimeoutNanos), s.MaxRetries, s.HTTPMethod
	w.AuthorizationScheme, w.AuthorizationValue, w.CustomHeaders = s.Scheme, s.Value, s.CustomHeaders
	if s.PayloadTemplates != nil {
		w.PayloadTemplates = make(map[string]json.RawMessage, len(s.PayloadTemplates))
	}
	for eventType, template := range s.PayloadTemplates {
		w.PayloadTemplates[eventType] = json.RawMessage(template)
	}
}

// readWebhook reads webhookColumns, and into more what comes behind them.
func readWebhook(scan func(...any) error, more ...any) (*carteiro.Webhook, error) {
	w := new(carteiro.Webhook)
	var encoded []byte
	err := scan(append([]any{
		toID(&w.ID), toID(&w.EnvironmentID), &w.OwnerKind, toID(&w.OwnerID), &w.Enabled, &w.Version, &w.FailuresInARow,
		toTime(&w.CreatedAt), toTime(&w.UpdatedAt), toTime(&w.DeletedAt), toTime(&w.FailingSince), toTime(&w.LastFailedAt),
		octet{&w.LastError}, &encoded,
	}, more...)...)
	if err != nil {
		return nil, err
	}
	var s settings
	if err := json.Unmarshal(encoded, &s); err != nil {
		return nil, fmt.Errorf("settings of webhook %s: %w", w.ID, err)
	}
	s.decodeInto(w)
	return w, nil
}

// CreateWebhook implements [store.Registry].
func (s *Store) CreateWebhook(ctx context.Context, p store.CreateWebhook) error {
	encoded, err := encodeSettings(p.Webhook)
	if err != nil {
		return err
	}
	w := *p.Webhook
	err = s.inTx(ctx, func(t *tx) error {
		found, err := t.found(keepOwner, id(w.EnvironmentID), int16(w.OwnerKind), id(w.OwnerID))(new(int))
		if err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		if err := t.roomForWebhook(&w, p.Most); err != nil {
			return err
		}
		_, err = t.run(insertWebhook, id(w.ID), id(w.EnvironmentID), int16(w.OwnerKind), id(w.OwnerID), w.Enabled,
			moment(w.CreatedAt), moment(w.UpdatedAt), moment(w.DeletedAt), encoded, fold(w.Name))
		if err != nil {
			return conflict(err)
		}
		return t.tell(s.hints.name, changeOf(&w))
	})
	if err == nil {
		p.Webhook.Version = 1
	}
	return err
}

// roomForWebhook fails with ErrTooMany when a webhook's owner has as many as it may. The owner's row is locked, so nobody
// adds one between the count and the commit.
func (t *tx) roomForWebhook(w *carteiro.Webhook, most int) error {
	if most == 0 {
		return nil
	}
	var count int
	err := t.row(countOfOwner, id(w.EnvironmentID), int16(w.OwnerKind), id(w.OwnerID))(&count)
	if err == nil && count >= most {
		err = store.ErrTooMany
	}
	return err
}

// UpdateWebhook implements [store.Registry].
func (s *Store) UpdateWebhook(ctx context.Context, webhook *carteiro.Webhook) error {
	encoded, err := encodeSettings(webhook)
	if err != nil {
		return err
	}
	w := *webhook
	err = s.inTx(ctx, func(t *tx) error {
		found, err := t.found(updateWebhook, id(w.ID), w.Version, w.Enabled, moment(w.UpdatedAt), moment(w.DeletedAt), encoded, fold(w.Name))(
			&w.OwnerKind, toID(&w.OwnerID), toID(&w.EnvironmentID))
		if err != nil {
			return err
		}
		if found {
			return t.tell(s.hints.name, changeOf(&w))
		}
		var there bool
		if err := t.row(webhookThere, id(w.ID))(&there); err != nil {
			return err
		}
		if there {
			return store.ErrConflict
		}
		return store.ErrNotFound
	})
	if err == nil {
		webhook.Version++
	}
	return err
}

// changeOf is what other nodes are told of a change of a webhook.
func changeOf(w *carteiro.Webhook) change {
	return change{
		owner:    store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: w.OwnerKind, ID: w.OwnerID},
		webhooks: []carteiro.ID{w.ID},
	}
}

// GetWebhook implements [store.Registry].
func (s *Store) GetWebhook(ctx context.Context, webhook carteiro.ID) (w *carteiro.Webhook, err error) {
	err = s.read(ctx, func(t *tx) error {
		w, err = readWebhook(t.row(getWebhook, id(webhook)))
		return err
	})
	return w, err
}

// ListWebhooks implements [store.Registry].
func (s *Store) ListWebhooks(ctx context.Context, ref store.OwnerRef) (webhooks []*carteiro.Webhook, err error) {
	err = s.read(ctx, func(t *tx) error {
		webhooks = nil
		return t.each(func(scan func(...any) error) error {
			w, err := readWebhook(scan)
			webhooks = append(webhooks, w)
			return err
		}, listWebhooks, id(ref.EnvironmentID), int16(ref.Kind), id(ref.ID))
	})
	return webhooks, err
}

// deleteWebhooksOf marks the webhooks of an owner as deleted and gives their ids.
func (t *tx) deleteWebhooksOf(p store.DeleteOwner) (webhooks []carteiro.ID, err error) {
	err = t.each(func(scan func(...any) error) error {
		var webhook carteiro.ID
		err := scan(toID(&webhook))
		webhooks = append(webhooks, webhook)
		return err
	}, deleteWebhooks, id(p.EnvironmentID), int16(p.Kind), id(p.ID), micros(p.Now))
	return webhooks, err
}
