package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// auditEntry begins an entry of the audit log for what the request is about to change.
func (r *request) auditEntry(action carteiro.AuditAction, subject carteiro.Subject) *carteiro.AuditEntry {
	e := &carteiro.AuditEntry{
		ID: r.s.IDs.New(r.begun), EnvironmentID: r.environment, Actor: actorOf(&r.token), Action: action, Subject: subject, RequestID: r.id,
	}
	if r.admin {
		e.Actor = carteiro.Actor{Kind: carteiro.ActorAdmin}
	}
	if from := r.address(); from.IsValid() {
		e.RemoteAddress = from.String()
	}
	return e
}

func actorOf(token *carteiro.Token) carteiro.Actor {
	if token.Session {
		return carteiro.Actor{Kind: carteiro.ActorSession, TokenID: token.ParentID, Name: token.Name}
	}
	return carteiro.Actor{Kind: carteiro.ActorToken, TokenID: token.ID, Name: token.Name}
}

// subjectOf is what kind of subject agents or campaigns are.
func (k *ownerRoutes) subjectOf(id carteiro.ID) carteiro.Subject {
	if k.owner == carteiro.OwnerCampaign {
		return carteiro.Subject{Kind: carteiro.SubjectCampaign, ID: id}
	}
	return carteiro.Subject{Kind: carteiro.SubjectAgent, ID: id}
}

// auditWebhook makes the entry of a change of a webhook; before is nil for a new one.
func (r *request) auditWebhook(before, after *carteiro.Webhook) *carteiro.AuditEntry {
	e := r.auditEntry(carteiro.WebhookUpdated, carteiro.WebhookSubject(after))
	if after.Deleted() {
		e.Action = carteiro.WebhookDeleted
		return e
	}
	if before == nil {
		e.Action = carteiro.WebhookCreated
	}
	e.Changes = webhookChanges(before, after)
	if credentialsMoved(before, after) {
		e.Changes = append(e.Changes, carteiro.NewFieldChange(fieldCredentialsSentTo, destination(before.URL), destination(after.URL)))
	}
	if before != nil && len(e.Changes) == 1 && e.Changes[0].Field == fieldEnabled {
		e.Action = carteiro.WebhookTurnedOff
		if after.Enabled {
			e.Action = carteiro.WebhookEnabled
		}
	}
	return e
}

// notSettings are what is shown of a webhook and set by nobody.
var notSettings = []string{
	"id", "agent_id", "campaign_id", "environment_id", "created_at", "updated_at", "events_count", "status", "status_reason", "has_secret", "version",
}

// webhookChanges says which settings differ: as the API shows them, which is without their secrets, and of those that it
// does not show that they were changed.
func webhookChanges(before, after *carteiro.Webhook) (changes []carteiro.FieldChange) {
	was, is := settingsShown(before), settingsShown(after)
	for _, field := range slices.Sorted(maps.Keys(is)) {
		if !bytes.Equal(was[field], is[field]) {
			changes = append(changes, carteiro.NewFieldChange(field, orNil(was[field]), orNil(is[field])))
		}
	}
	if before == nil {
		before = new(carteiro.Webhook)
	}
	if before.Secret != after.Secret {
		changes = append(changes, carteiro.FieldChange{Field: fieldWebhookSecret})
	}
	if before.AuthorizationValue != after.AuthorizationValue {
		changes = append(changes, carteiro.FieldChange{Field: fieldAuthorizationValue})
	}
	if bytes.Equal(was[fieldCustomHeaders], is[fieldCustomHeaders]) && !slices.Equal(before.CustomHeaders, after.CustomHeaders) {
		changes = append(changes, carteiro.FieldChange{Field: fieldCustomHeaders}) // behind the masks
	}
	return changes
}

// orNil gives a value that is none as such.
func orNil(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return raw
}

func settingsShown(w *carteiro.Webhook) (shown map[string]json.RawMessage) {
	if w == nil {
		return nil
	}
	text, err := json.Marshal(showWebhook(w))
	if err == nil {
		err = json.Unmarshal(text, &shown)
	}
	if err != nil {
		return nil // it could not have been stored either
	}
	for _, field := range notSettings {
		delete(shown, field)
	}
	return shown
}

// auditJSON is an entry of the audit log as it is shown.
type auditJSON struct {
	ID            carteiro.ID            `json:"id"`
	At            timestamp              `json:"at"`
	EnvironmentID carteiro.ID            `json:"environment_id"`
	Actor         actorJSON              `json:"actor"`
	Action        carteiro.AuditAction   `json:"action"`
	Subject       subjectJSON            `json:"subject"`
	Changes       []carteiro.FieldChange `json:"changes"`
	RequestID     string                 `json:"request_id,omitempty"`
	RemoteAddress string                 `json:"remote_address,omitempty"`
}

type actorJSON struct {
	Type    carteiro.ActorKind `json:"type"`
	TokenID carteiro.ID        `json:"token_id,omitzero"`
	Name    string             `json:"name,omitempty"`
}

type subjectJSON struct {
	Type      carteiro.SubjectKind `json:"type"`
	ID        carteiro.ID          `json:"id"`
	Name      string               `json:"name,omitempty"`
	WebhookID carteiro.ID          `json:"webhook_id,omitzero"`
	ownerIDs
}

// ownerIDs say whose a webhook is, under the name that its owner's id has everywhere.
type ownerIDs struct {
	AgentID    carteiro.ID `json:"agent_id,omitzero"`
	CampaignID carteiro.ID `json:"campaign_id,omitzero"`
	// EnvironmentID is that of an operators' webhook.
	EnvironmentID carteiro.ID `json:"environment_id,omitzero"`
}

func ownerIDsOf(kind carteiro.OwnerKind, id carteiro.ID) (shown ownerIDs) {
	switch kind {
	case carteiro.OwnerAgent:
		shown.AgentID = id
	case carteiro.OwnerCampaign:
		shown.CampaignID = id
	case carteiro.OwnerEnvironment:
		shown.EnvironmentID = id
	}
	return shown
}

func showAudit(e *carteiro.AuditEntry) auditJSON {
	shown := auditJSON{
		ID: e.ID, At: timestamp(e.At()), EnvironmentID: e.EnvironmentID,
		Actor: actorJSON{e.Actor.Kind, e.Actor.TokenID, e.Actor.Name}, Action: e.Action,
		Subject: subjectJSON{e.Subject.Kind, e.Subject.ID, e.Subject.Name, e.Subject.WebhookID, ownerIDsOf(e.Subject.OwnerKind, e.Subject.OwnerID)},
		Changes: e.Changes, RequestID: e.RequestID, RemoteAddress: e.RemoteAddress,
	}
	if shown.Changes == nil {
		shown.Changes = []carteiro.FieldChange{}
	}
	return shown
}

// listAudit lists the caller's environment.
func (s *server) listAudit(r *request) error { return s.answerAudit(r, r.query(), r.environment) }

// answerAudit answers with a page of the audit log of an environment, or of all if it is zero.
func (s *server) answerAudit(r *request, q *query, environment carteiro.ID) error {
	p := q.page(defaultLogs)
	list := store.ListAudit{
		EnvironmentID: environment, SubjectID: q.id(fieldSubjectID), From: q.time(fieldFrom), To: includeTo(q.time(fieldTo)), Before: q.cursor(),
		Limit: p.PerPage, Offset: p.offset(),
	}
	queryChoice(q, &list.Actor, fieldActor, carteiro.ActorKinds())
	queryChoice(q, &list.Action, fieldAction, carteiro.AuditActions())
	queryChoice(q, &list.Subject, fieldSubject, carteiro.SubjectKinds())
	if err := q.faults.err(); err != nil {
		return err
	}
	if !list.Before.IsZero() {
		p.CurrentPage, list.Offset = 1, 0
	}
	found, err := s.Store.ListAudit(r.Context(), list)
	if err != nil {
		return err
	}
	p.setTotal(found.Total)
	p.TotalIsLowerBound = found.TotalIsLowerBound
	if !found.Next.IsZero() {
		p.NextCursor = encodeCursor(found.Next)
	}
	l := r.newList(`{"success":true,"data":[`)
	return l.end(s.addAudit(l, environment, found.IDs), `],"pagination":`, p, "}")
}

// addAudit adds entries to a list. It reads a few of them at once.
func (s *server) addAudit(l *listWriter, environment carteiro.ID, ids []carteiro.ID) error {
	for some := range slices.Chunk(ids, auditPageSize) {
		entries, err := s.Store.GetAudit(l.Context(), store.GetAudit{EnvironmentID: environment, IDs: some})
		if err != nil {
			return err
		}
		for i := range entries {
			if err := l.add(showAudit(&entries[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

// auditPageSize is how many entries of the audit log are read at once. Memory is reserved for so many, each with a webhook's settings
// before and after a change.
const auditPageSize = 10

// queryChoice reads one of a few words.
func queryChoice[T ~string](q *query, into *T, name string, choices []T) {
	chosen := T(q.values.Get(name))
	if chosen != "" && !slices.Contains(choices, chosen) {
		q.faults.add(name, isNotAmongTheSelection)
		return
	}
	*into = chosen
}
