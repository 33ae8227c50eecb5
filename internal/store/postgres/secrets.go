package postgres

import "context"

// Nodes of an earlier release leave the column at its default.
const allReadWidely = `SELECT NOT EXISTS (SELECT FROM sessions WHERE reads < 1)`

// readWidely says whether every node reads encrypted headers of all names. Once they do it stays so: a node of the release
// before refuses a database of this layout when it starts.
func (s *Store) readWidely(ctx context.Context) bool {
	if s.wide.Load() {
		return true
	}
	var all bool
	err := s.read(ctx, func(t *tx) error { return t.row(allReadWidely)(&all) })
	if err == nil && all {
		s.wide.Store(true)
	}
	return err == nil && all
}
