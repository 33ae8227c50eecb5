package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// adminBase is what the paths of the operator's API begin with. Where no admin token is set it is no route.
const adminBase = "/admin/v1"

// pathEnvironment and pathToken are names of ids in paths.
const (
	pathEnvironment = "environment_id"
	pathToken       = "token_id"
)

func (s *server) adminRoutes() {
	if s.AdminToken.IsZero() {
		return
	}
	environment := adminBase + "/environments/{" + pathEnvironment + "}"
	tokens := environment + "/tokens"
	s.root(adminBase)
	s.handle(adminBase+"/environments", admin, methods{"GET": {noScope, s.listEnvironments}, "POST": {noScope, s.createEnvironment}})
	s.handle(environment, admin, methods{"GET": {noScope, s.getEnvironment}, "PUT": {noScope, s.renameEnvironment}, "DELETE": {noScope, s.deleteEnvironment}})
	s.handle(tokens, admin, methods{"GET": {noScope, s.listTokens}, "POST": {noScope, s.createToken}})
	s.handle(tokens+"/{"+pathToken+"}", admin, methods{"DELETE": {noScope, s.revokeToken}})
	s.handle(tokens+"/{"+pathToken+"}/rotate", admin, methods{"POST": {noScope, s.rotateToken}})
	s.handle(adminBase+"/audit", admin, methods{"GET": {noScope, s.listAllAudit}})
}

// identifyAdmin fails with one of the 401s. The cookie of a session does not count, and neither do tokens of environments:
// the hash of what is borne is compared with that of the admin token, in a time that does not depend on where they differ.
func (r *request) identifyAdmin() error {
	secret, ok := r.bearer()
	switch {
	case !ok:
		return errMissingToken
	case len(secret) > maxToken || !carteiro.HashToken(secret).Equal(r.s.AdminToken):
		return errInvalidToken
	}
	r.admin = true
	return nil
}

// createdEnvironment is an environment with its first token.
type createdEnvironment struct {
	environmentJSON
	CreatedAt timestamp    `json:"created_at"`
	Token     createdToken `json:"token"`
}

// environmentKept is an environment as the operator sees it.
type environmentKept struct {
	environmentJSON
	CreatedAt timestamp `json:"created_at"`
}

func showEnvironment(e *carteiro.Environment) environmentKept {
	return environmentKept{environmentJSON{e.ID, e.Name}, timestamp(e.CreatedAt)}
}

func (s *server) listEnvironments(r *request) error {
	q := r.query()
	p := q.page(defaultOwners)
	search := strings.ToLower(q.text(fieldSearch))
	if err := q.faults.err(); err != nil {
		return err
	}
	all, err := s.Store.ListEnvironments(r.Context())
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(e carteiro.Environment) bool { return !strings.Contains(strings.ToLower(e.Name), search) })
	p.setTotal(len(all))
	all = all[min(p.offset(), len(all)):]
	shown := make([]environmentKept, min(p.PerPage, len(all)))
	for i := range shown {
		shown[i] = showEnvironment(&all[i])
	}
	return r.respond(http.StatusOK, answer{Data: shown, Pagination: p})
}

// ofEnvironment finds the environment of the path, and makes it the one that the request is about.
func (r *request) ofEnvironment() (found carteiro.Environment, err error) {
	id, err := r.pathID(pathEnvironment, errEnvironmentNotFound)
	if err != nil {
		return found, err
	}
	all, err := r.s.Store.ListEnvironments(r.Context())
	if err != nil {
		return found, err
	}
	i := slices.IndexFunc(all, func(e carteiro.Environment) bool { return e.ID == id })
	if i < 0 {
		return found, errEnvironmentNotFound
	}
	r.environment = id
	return all[i], nil
}

func (s *server) getEnvironment(r *request) error {
	e, err := r.ofEnvironment()
	if err != nil {
		return err
	}
	return r.respond(http.StatusOK, answer{Data: showEnvironment(&e)})
}

func (s *server) createEnvironment(r *request) error {
	name, err := r.environmentName()
	if err != nil {
		return err
	}
	now := r.begun.UTC().Truncate(time.Microsecond)
	e := carteiro.Environment{ID: s.IDs.New(now), Name: name, CreatedAt: now}
	r.environment = e.ID
	token, secret := r.newToken()
	token.Name, token.Scopes = carteiro.DefaultTokenName, carteiro.ScopeAll
	entry := r.auditEntry(carteiro.EnvironmentCreated, carteiro.Subject{Kind: carteiro.SubjectEnvironment, ID: e.ID, Name: name})
	err = s.Admin.CreateEnvironment(r.Context(), store.CreateEnvironment{Environment: e, Token: token, Audit: entry})
	if err != nil {
		return err
	}
	return r.respond(http.StatusCreated, answer{Message: msgEnvironmentCreated, Data: createdEnvironment{
		environmentJSON{e.ID, e.Name}, timestamp(now), createdToken{showToken(&token), secret},
	}})
}

// environmentName returns the name of the body. No other environment may have it.
func (r *request) environmentName() (name string, err error) {
	var f faults
	in, err := r.input([]string{fieldName}, true, &f)
	if err != nil {
		return "", err
	}
	in.requiredText(&name, fieldName, maxName)
	all, err := r.s.Store.ListEnvironments(r.Context())
	if err != nil {
		return "", err
	}
	for i := range all {
		if all[i].Name == name && all[i].ID != r.environment {
			in.fault(fieldName, isTaken)
			break
		}
	}
	return name, f.err()
}

func (s *server) renameEnvironment(r *request) error {
	if _, err := r.ofEnvironment(); err != nil {
		return err
	}
	name, err := r.environmentName()
	if err != nil {
		return err
	}
	e, err := s.Directory.RenameEnvironment(r.Context(), store.RenameEnvironment{
		ID: r.environment, Name: name,
		Audit: r.auditEntry(carteiro.EnvironmentRenamed, carteiro.Subject{Kind: carteiro.SubjectEnvironment, ID: r.environment}),
	})
	if err != nil {
		return missing(err, errEnvironmentNotFound)
	}
	return r.respond(http.StatusOK, answer{Message: msgEnvironmentUpdated, Data: showEnvironment(&e)})
}

// deleteEnvironment deletes an environment; one that is in use only with force=true.
func (s *server) deleteEnvironment(r *request) error {
	e, err := r.ofEnvironment()
	if err != nil {
		return err
	}
	q := r.query()
	force := q.boolean(fieldForce)
	if err := q.faults.err(); err != nil {
		return err
	}
	err = s.Directory.DeleteEnvironment(r.Context(), store.DeleteEnvironment{
		ID: e.ID, Force: force != nil && *force, Now: r.begun.UTC(),
		Audit: r.auditEntry(carteiro.EnvironmentDeleted, carteiro.Subject{Kind: carteiro.SubjectEnvironment, ID: e.ID}),
	})
	if errors.Is(err, store.ErrConflict) {
		return errEnvironmentInUse
	}
	if err != nil {
		return missing(err, errEnvironmentNotFound)
	}
	return r.respond(http.StatusOK, answer{Message: msgEnvironmentDeleted})
}

func (s *server) listAllAudit(r *request) error {
	q := r.query()
	return s.answerAudit(r, q, q.id(fieldEnvironmentID))
}
