package store

import (
	"context"

	"carteiro"
)

// Environments are the verbs on environments.
type Environments interface {
	// CreateEnvironment stores an environment with its first token. Names may repeat.
	CreateEnvironment(ctx context.Context, p CreateEnvironment) error
	// ListEnvironments gives all environments, oldest first.
	ListEnvironments(ctx context.Context) ([]carteiro.Environment, error)
	// RenameEnvironment changes the name of an environment and gives it back as it is then. It fails with ErrNotFound.
	RenameEnvironment(ctx context.Context, p RenameEnvironment) (carteiro.Environment, error)
}

// CreateEnvironment is the parameter of [Environments.CreateEnvironment].
type CreateEnvironment struct {
	Environment carteiro.Environment
	Token       carteiro.Token
	Audit       *carteiro.AuditEntry // see [Audit]
}

// RenameEnvironment is the parameter of [Environments.RenameEnvironment].
type RenameEnvironment struct {
	ID    carteiro.ID
	Name  string
	Audit *carteiro.AuditEntry // the name that was, too, is filled in
}
