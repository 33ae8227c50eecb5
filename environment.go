package carteiro

import "time"

// Environment is the wall between tenants: a token opens one, and sees nothing of another.
type Environment struct {
	ID        ID
	Name      string
	CreatedAt time.Time
	DeletedAt time.Time // zero unless it is deleted and not all of its data is erased yet
}

// Owner is the environment as the owner of its operators' webhooks.
func (e *Environment) Owner() Owner {
	return Owner{Kind: OwnerEnvironment, ID: e.ID, EnvironmentID: e.ID, Name: e.Name, CreatedAt: e.CreatedAt, UpdatedAt: e.CreatedAt}
}
