package store

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
)

// Environments are the verbs on environments.
type Environments interface {
	// CreateEnvironment stores an environment with its first token. Names may repeat.
	CreateEnvironment(ctx context.Context, p CreateEnvironment) error
	// ListEnvironments gives all environments that are not deleted, oldest first.
	ListEnvironments(ctx context.Context) ([]carteiro.Environment, error)
	// RenameEnvironment changes the name of an environment and gives it back as it is then. It fails with ErrNotFound.
	RenameEnvironment(ctx context.Context, p RenameEnvironment) (carteiro.Environment, error)
	// DeleteEnvironment marks an environment as deleted and removes its tokens and sessions. Its name is free at once, and
	// nobody can use it any more; CleanEnvironment deletes its data. It fails with ErrNotFound, and with ErrConflict unless
	// p.Force is set if the environment has an agent, a campaign, a webhook or an event.
	DeleteEnvironment(ctx context.Context, p DeleteEnvironment) error
	// CleanEnvironment deletes some of the data of one deleted environment, in one transaction: at most p.Limit of each kind,
	// webhooks one at a time, once they are clean (see [Deletions]). The audit log stays. The environment is removed, and not
	// visited again, when nothing is left and it was deleted before p.SettledBefore.
	CleanEnvironment(ctx context.Context, p CleanEnvironment) (CleanedEnvironment, error)
}

// DeleteEnvironment is the parameter of [Environments.DeleteEnvironment].
type DeleteEnvironment struct {
	ID    carteiro.ID
	Force bool
	Now   time.Time
	Audit *carteiro.AuditEntry // the name is filled in
}

// CleanEnvironment is the parameter of [Environments.CleanEnvironment].
type CleanEnvironment struct {
	// ID is the environment to clean. Zero: the first deleted one after After, by id.
	ID            carteiro.ID
	After         carteiro.ID
	Limit         int
	SettledBefore time.Time // see CleanDeleted
}

// CleanedEnvironment is what [Environments.CleanEnvironment] did.
type CleanedEnvironment struct {
	ID carteiro.ID // the environment that was visited; zero: there was none
	// Owners are at most p.Limit that the environment still has. The caller deletes them; nothing else is done before.
	Owners []OwnerRef
	More   bool // there may be more to delete now
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
