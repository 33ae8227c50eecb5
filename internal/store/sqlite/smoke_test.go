package sqlite

import (
	"path/filepath"
	"testing"
)

func TestEveryQueryCompiles(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queries {
		if err := s.read(t.Context(), func(c *conn) error { return c.query(q).err }); err != nil {
			t.Errorf("%s\n%v", q.sql, err)
		}
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
