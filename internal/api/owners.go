package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// maxName bounds the names of agents, campaigns and webhooks, in characters.
const maxName = 255

var ownerFields = []string{fieldName, fieldAgentID}

// ownerJSON is an agent or campaign as it is shown.
type ownerJSON struct {
	ID        carteiro.ID `json:"id"`
	Name      string      `json:"name"`
	AgentID   carteiro.ID `json:"agent_id,omitzero"` // of a campaign that has one
	CreatedAt timestamp   `json:"created_at"`
	UpdatedAt timestamp   `json:"updated_at"`
}

func showOwner(o carteiro.Owner) ownerJSON {
	return ownerJSON{o.ID, o.Name, o.AgentID, timestamp(o.CreatedAt), timestamp(o.UpdatedAt)}
}

func (s *server) listOwners(r *request, k *ownerRoutes) error {
	q := r.query()
	p := q.page(defaultOwners)
	search := q.text(fieldSearch)
	if err := q.faults.err(); err != nil {
		return err
	}
	owners, total, err := s.Store.ListOwners(r.Context(), store.ListOwners{
		EnvironmentID: r.environment, Kind: k.owner, Search: search, Limit: p.PerPage, Offset: p.offset(),
	})
	if err != nil {
		return err
	}
	p.setTotal(total)
	shown := make([]ownerJSON, len(owners))
	for i, o := range owners {
		shown[i] = showOwner(o)
	}
	if k == s.agents {
		return r.respond(http.StatusOK, answer{Data: shown, Meta: p})
	}
	return r.respond(http.StatusOK, answer{Data: shown, Pagination: p})
}

func (s *server) getOwner(r *request, k *ownerRoutes) error {
	_, owner, err := r.owner(k)
	if err != nil {
		return err
	}
	return r.respond(http.StatusOK, answer{Data: showOwner(owner)})
}

func (s *server) createOwner(r *request, k *ownerRoutes) error {
	var f faults
	c, answered, err := r.creation(&f, "")
	if err != nil || answered {
		return err
	}
	return s.storeOwner(&c, k, s.IDs.New(r.begun), &f)
}

func (s *server) putOwner(r *request, k *ownerRoutes) error {
	id, err := r.pathID(pathOwner, k.notFound)
	if err != nil {
		return err
	}
	return s.storeOwner(&creation{request: r}, k, id, new(faults))
}

// storeOwner creates the agent or campaign of this id, or changes it.
func (s *server) storeOwner(c *creation, k *ownerRoutes, id carteiro.ID, f *faults) error {
	r := c.request
	in, err := r.input(ownerFields, true, f)
	if err != nil {
		return err
	}
	now := r.begun.UTC().Truncate(time.Microsecond)
	owner := carteiro.Owner{Kind: k.owner, ID: id, EnvironmentID: r.environment, CreatedAt: now, UpdatedAt: now}
	in.requiredText(&owner.Name, fieldName, maxName)
	_, agentSent := in.sent(fieldAgentID)
	if k == s.campaigns {
		if err := s.readAgent(r, &in, &owner); err != nil {
			return err
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	createOnly := r.mustNotExist()
	if !createOnly {
		if same, err := s.unchangedOwner(r, &owner, !agentSent); err != nil || same {
			if err != nil {
				return err
			}
			return r.respond(http.StatusOK, answer{Message: k.messages.updated, Data: showOwner(owner)})
		}
	}
	if err := c.keep(answer{Message: k.messages.created, Data: showOwner(owner)}); err != nil {
		return err
	}
	owner, created, err := s.Directory.PutOwner(r.Context(), store.PutOwner{
		Owner: owner, KeepAgent: !agentSent, CreateOnly: createOnly, Audit: r.auditEntry(carteiro.OwnerUpdated, k.subjectOf(id)), Key: c.key,
	})
	if errors.Is(err, store.ErrConflict) {
		return newFailure(http.StatusPreconditionFailed, k.messages.exists, member{"code", codeOwnerExists})
	}
	if answered, err := c.settle(err); err != nil || answered {
		return err
	}
	if created {
		return r.respond(http.StatusCreated, answer{Message: k.messages.created, Data: showOwner(owner)})
	}
	return r.respond(http.StatusOK, answer{Message: k.messages.updated, Data: showOwner(owner)})
}

// unchangedOwner says whether an agent or campaign is stored already with this name and agent, and then gives it as it
// is stored.
func (s *server) unchangedOwner(r *request, owner *carteiro.Owner, keepAgent bool) (bool, error) {
	stored, err := s.Store.GetOwner(r.Context(), store.OwnerRef{EnvironmentID: owner.EnvironmentID, Kind: owner.Kind, ID: owner.ID})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil || stored.Name != owner.Name || !keepAgent && stored.AgentID != owner.AgentID {
		return false, err
	}
	*owner = stored
	return true, nil
}

// readAgent reads the agent of a campaign, which must be there.
func (s *server) readAgent(r *request, in *input, owner *carteiro.Owner) error {
	in.id(&owner.AgentID, fieldAgentID)
	if owner.AgentID.IsZero() {
		return nil
	}
	_, err := s.Store.GetOwner(r.Context(), store.OwnerRef{
		EnvironmentID: r.environment, Kind: carteiro.OwnerAgent, ID: owner.AgentID,
	})
	if errors.Is(err, store.ErrNotFound) {
		in.fault(fieldAgentID, isNotAmongTheSelection)
		return nil
	}
	return err
}

func (s *server) deleteOwner(r *request, k *ownerRoutes) error {
	ref, err := r.ownerRef(k)
	if err != nil {
		return err
	}
	err = s.Directory.DeleteOwner(r.Context(), store.DeleteOwner{
		OwnerRef: ref, Now: r.begun, Audit: r.auditEntry(carteiro.OwnerDeleted, k.subjectOf(ref.ID)),
		AuditWebhook: func(w *carteiro.Webhook) *carteiro.AuditEntry { return r.auditWebhook(nil, w) },
	})
	if err != nil {
		return missing(err, k.notFound)
	}
	return r.respond(http.StatusOK, answer{Message: k.messages.deleted})
}
