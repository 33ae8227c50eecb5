package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// webhookJSON is a webhook as it is shown: without its secrets.
type webhookJSON struct {
	ID                  carteiro.ID                  `json:"id"`
	AgentID             carteiro.ID                  `json:"agent_id,omitzero"`
	CampaignID          carteiro.ID                  `json:"campaign_id,omitzero"`
	EnvironmentID       carteiro.ID                  `json:"environment_id,omitzero"`
	Name                string                       `json:"name"`
	WebhookURL          string                       `json:"webhook_url"`
	Events              []string                     `json:"events"`
	IncludeCallEvents   *bool                        `json:"include_call_events,omitempty"`
	Timeout             int                          `json:"timeout"`
	MaxRetries          int                          `json:"max_retries"`
	Enabled             bool                         `json:"enabled"`
	CreatedAt           timestamp                    `json:"created_at"`
	UpdatedAt           timestamp                    `json:"updated_at"`
	EventsCount         int                          `json:"events_count"`
	Status              carteiro.WebhookStatus       `json:"status"`
	StatusReason        *statusReason                `json:"status_reason,omitempty"`
	DisabledReason      *disabledReason              `json:"disabled_reason,omitempty"`
	HTTPMethod          string                       `json:"http_method"`
	AuthorizationScheme carteiro.AuthorizationScheme `json:"authorization_scheme"`
	CustomHeaders       []carteiro.Header            `json:"custom_headers"`
	PayloadTemplates    map[string]json.RawMessage   `json:"payload_templates"`
	HasSecret           bool                         `json:"has_secret"`
	Version             int64                        `json:"version"`
	signingJSON
}

func showWebhook(w *carteiro.Webhook) webhookJSON {
	shown := webhookJSON{
		ID:                  w.ID,
		Name:                w.Name,
		WebhookURL:          w.URL,
		Events:              w.Events,
		Timeout:             int(w.Timeout / time.Second),
		MaxRetries:          w.MaxRetries,
		Enabled:             w.Enabled,
		CreatedAt:           timestamp(w.CreatedAt),
		UpdatedAt:           timestamp(w.UpdatedAt),
		EventsCount:         len(w.Events),
		Status:              w.Status(),
		StatusReason:        showStatusReason(w),
		DisabledReason:      showDisabledReason(w),
		HTTPMethod:          w.HTTPMethod,
		AuthorizationScheme: w.AuthorizationScheme,
		CustomHeaders:       maskHeaders(w.CustomHeaders),
		PayloadTemplates:    w.PayloadTemplates,
		HasSecret:           w.Secret != "",
		Version:             w.Version,
		signingJSON:         showSigning(w),
	}
	if shown.PayloadTemplates == nil {
		shown.PayloadTemplates = map[string]json.RawMessage{}
	}
	switch w.OwnerKind {
	case carteiro.OwnerAgent:
		shown.AgentID = w.OwnerID
	case carteiro.OwnerCampaign:
		shown.CampaignID, shown.IncludeCallEvents = w.OwnerID, &w.IncludeCallEvents
	case carteiro.OwnerEnvironment:
		shown.EnvironmentID = w.OwnerID
	}
	return shown
}

// settingsBytes is about how large the settings of a webhook may be, in bytes.
const settingsBytes = maxTemplates + maxHeaderBytes + 16<<10

// settingsOf returns about how large a webhook's settings are, in bytes.
func settingsOf(w *carteiro.Webhook) int {
	return templateBytes(w.PayloadTemplates) + headerBytes(w.CustomHeaders)
}

// listBytes is what is reserved for a list of all webhooks of an owner: settings are held twice while they are read.
func (s *server) listBytes() int64 {
	return 2 * settingsBytes * int64(cmp.Or(s.MaxWebhooks, defaultWebhooks))
}

// defaultWebhooks is how many webhooks of an owner memory is reserved for where any number is allowed.
const defaultWebhooks = 100

func (s *server) listWebhooks(r *request, k *ownerRoutes) error {
	ref, _, err := r.owner(k)
	if err != nil {
		return err
	}
	webhooks, err := s.Store.ListWebhooks(r.Context(), ref)
	if err != nil {
		return err
	}
	size := 0
	for _, w := range webhooks {
		size += settingsOf(w)
	}
	r.keep(size + chunkBytes)
	l := r.newList(`{"success":true,"data":{"webhooks":[`)
	for _, w := range webhooks {
		if err = l.add(showWebhook(w)); err != nil {
			break
		}
	}
	return l.end(err, `],"available_events":`, k.available, "}}")
}

func (s *server) getWebhook(r *request, k *ownerRoutes) error {
	p, err := r.webhook(k)
	if err != nil {
		return err
	}
	return r.answerWebhook(http.StatusOK, "", p.webhook, "")
}

// answerWebhook answers with a webhook and its version as ETag. secret is one that was made for the caller, or empty.
func (r *request) answerWebhook(status int, message string, w *carteiro.Webhook, secret string) error {
	r.w.Header()["ETag"] = []string{entityTag(w.Version)}
	shown := showWebhook(w)
	shown.Secret = secret
	return r.respond(status, answer{Message: message, Data: shown})
}

func (s *server) createWebhook(r *request, k *ownerRoutes) error {
	ref, _, err := r.owner(k)
	if err != nil {
		return err
	}
	now := r.begun.UTC().Truncate(time.Microsecond)
	w := carteiro.Webhook{
		ID: s.IDs.New(now), EnvironmentID: ref.EnvironmentID, OwnerKind: ref.Kind, OwnerID: ref.ID,
		Timeout:             carteiro.DefaultTimeout,
		MaxRetries:          carteiro.DefaultRetries,
		Enabled:             true,
		HTTPMethod:          carteiro.DefaultHTTPMethod,
		AuthorizationScheme: carteiro.AuthorizationNone,
		CreatedAt:           now, UpdatedAt: now,
	}
	var f faults
	c, answered, err := r.creation(&f, entityTag(1))
	if err != nil || answered {
		return err
	}
	in, err := r.input(webhookFields, true, &f)
	if err != nil {
		return err
	}
	charged, err := r.chargeTemplates(&in)
	if err != nil {
		return err
	}
	told, err := s.readWebhook(&in, &w, k, true)
	if err != nil {
		return err
	}
	r.account.Shrink(charged)
	stored := w
	stored.Version = 1
	if err := c.keep(answer{Message: k.messages.webhookCreated, Data: showWebhook(&stored)}); err != nil {
		return err
	}
	err = s.Directory.CreateWebhook(r.Context(), store.CreateWebhook{
		Webhook: &w, Most: s.MaxWebhooks, Audit: r.auditWebhook(nil, &w), Key: c.key,
	})
	if answered, err = c.settle(err); answered {
		return nil
	}
	if errors.Is(err, store.ErrTooMany) {
		return tooManyWebhooks(k, s.MaxWebhooks)
	}
	if err != nil {
		return missing(err, k.notFound)
	}
	return r.answerWebhook(http.StatusCreated, k.messages.webhookCreated, &w, told)
}

func (s *server) updateWebhook(r *request, k *ownerRoutes) error {
	p, err := r.webhook(k)
	if err != nil {
		return err
	}
	var f faults
	in, err := r.input(webhookFields, false, &f)
	if err != nil {
		return err
	}
	charged, err := r.chargeTemplates(&in)
	if err != nil {
		return err
	}
	var told string
	w, err := s.changeWebhook(r, p, func(w *carteiro.Webhook) (err error) {
		f = faults{} // of an earlier try
		told, err = s.readWebhook(&in, w, k, r.token.Scopes&carteiro.ScopeAll != 0)
		return err
	})
	if err != nil {
		return err
	}
	r.account.Shrink(charged)
	return r.answerWebhook(http.StatusOK, k.messages.webhookUpdated, w, told)
}

func (s *server) toggleWebhook(r *request, k *ownerRoutes) error {
	p, err := r.webhook(k)
	if err != nil {
		return err
	}
	w, err := s.changeWebhook(r, p, func(w *carteiro.Webhook) error {
		w.Enabled = !w.Enabled
		return nil
	})
	if err != nil {
		return err
	}
	message := msgWebhookDisabled
	if w.Enabled {
		message = msgWebhookEnabled
	}
	return r.answerWebhook(http.StatusOK, message, w, "")
}

func (s *server) deleteWebhook(r *request, k *ownerRoutes) error {
	p, err := r.webhook(k)
	if err != nil {
		return err
	}
	_, err = s.changeWebhook(r, p, func(w *carteiro.Webhook) error {
		w.DeletedAt = r.begun.UTC().Truncate(time.Microsecond)
		return nil
	})
	if err != nil {
		return err
	}
	return r.respond(http.StatusOK, answer{Message: k.messages.webhookDeleted})
}

// changeWebhook changes the webhook of the path, if it has the version that the request asks for.
func (s *server) changeWebhook(r *request, p webhookPlace, change func(*carteiro.Webhook) error) (*carteiro.Webhook, error) {
	w, err := s.Directory.ChangeWebhook(r.Context(), p.ref, p.webhook.ID, func(w *carteiro.Webhook) error {
		if !r.matchesVersion(w.Version) {
			return errVersionConflict
		}
		w.UpdatedAt = r.begun.UTC().Truncate(time.Microsecond)
		w.FormerSecrets = w.SigningUntil(w.UpdatedAt) // those that have ended need not be kept
		return change(w)
	}, r.auditWebhook)
	if errors.Is(err, store.ErrConflict) { // others kept changing it at the same moment; nothing was changed
		err = errBusy
	}
	return w, missing(err, errWebhookNotFound)
}
