package carteiro

import "time"

// Environment is the wall between tenants: a token opens one, and sees nothing of another.
type Environment struct {
	ID        ID
	Name      string
	CreatedAt time.Time
}
