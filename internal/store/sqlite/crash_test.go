package sqlite

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// A server that is killed in the middle of a checkpoint leaves a file that makes no sense without the log beside it:
// some of its pages are of now, some of before, some half written. It once was taken for damaged, and refused.
func TestAFileWhoseCheckpointWasCutOffIsOpened(t *testing.T) {
	const environments = 200
	running := filepath.Join(t.TempDir(), "carteiro.db")
	s, err := Open(t.Context(), running, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var ids carteiro.IDSource
	now := time.Date(2025, 9, 3, 12, 0, 0, 0, time.UTC)
	for range environments {
		e := carteiro.Environment{ID: ids.New(now), Name: "production", CreatedAt: now}
		token := carteiro.Token{ID: ids.New(now), EnvironmentID: e.ID, Hash: carteiro.HashToken(e.ID.String()), CreatedAt: now}
		if err := s.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: e, Token: token}); err != nil {
			t.Fatal(err)
		}
	}
	killed := filepath.Join(t.TempDir(), "carteiro.db")
	file, log := read(t, running), read(t, running+"-wal")
	if spoilt := spoilPages(file, log); spoilt == 0 {
		t.Fatal("nothing is in the log: the story cannot be told")
	}
	writeFile(t, killed, string(file))
	writeFile(t, killed+"-wal", string(log))
	again, err := Open(t.Context(), killed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	found, err := again.ListEnvironments(t.Context())
	if err != nil || len(found) != environments {
		t.Errorf("%d environments of %d, %v", len(found), environments, err)
	}
}

// spoilPages overwrites each page of the file of which the log has a newer copy, but for the file's header, and says
// how many they are. The layout is that of https://sqlite.org/fileformat2.html#the_write_ahead_log.
func spoilPages(file, log []byte) (spoilt int) {
	const fileHeader, logHeader, frameHeader = 100, 32, 24
	pageSize := int(binary.BigEndian.Uint32(log[8:]))
	for at := logHeader; at+frameHeader+pageSize <= len(log); at += frameHeader + pageSize {
		begin := (int(binary.BigEndian.Uint32(log[at:])) - 1) * pageSize
		if begin+pageSize > len(file) {
			continue
		}
		page := file[begin : begin+pageSize]
		if begin == 0 {
			page = page[fileHeader:]
		}
		for i := range page {
			page[i] = 0xa5
		}
		spoilt++
	}
	return spoilt
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
