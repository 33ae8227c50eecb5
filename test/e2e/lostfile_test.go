package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// Stories of database files that somebody deletes or moves under a server that runs.

// refuses fails the test unless publishing is answered 503, readiness says so, and the log tells what happened.
func (h *house) refuses(agent client.Owner, said string) {
	h.t.Helper()
	_, err := h.client().Publish(within(h.t), client.Event{Owner: agent, Type: callEnded, Payload: map[string]any{}})
	var told *client.Error
	if !errors.As(err, &told) || told.StatusCode != http.StatusServiceUnavailable || told.Code != "STORE_UNAVAILABLE" || told.RetryAfter == 0 {
		h.t.Errorf("publishing: %v", err)
	}
	// An answer of readiness is good for a second.
	eventually(h.t, "it says that it is not ready", func(ctx context.Context) bool { return h.client().Ready(ctx) != nil })
	if err := h.client().Health(within(h.t)); err != nil {
		h.t.Errorf("health: %v", err)
	}
	if _, err := h.log.await(within(h.t), regexp.MustCompile(`database file lost.*`+said)); err != nil {
		h.t.Error(err)
	}
}

func TestNothingIsAcceptedOnceTheDatabaseFileIsDeleted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose func(*testing.T, string)
		said string
	}{
		"deleted": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "was deleted or moved"},
		"replaced": {func(t *testing.T, path string) {
			other := filepath.Join(t.TempDir(), "other.db")
			if err := os.WriteFile(other, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		}, "was replaced by another file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, quick...).start()
			agent := h.agent()
			h.publish(agent)
			test.lose(t, filepath.Join(h.dir, "carteiro.db"))
			h.refuses(agent, test.said)
			h.signal(os.Interrupt)
			if code := h.wait(t); code == 0 {
				t.Error("it ended as if nothing was lost")
			}
		})
	}
}

// A directory that is moved comes back with everything, and the server goes on.
func TestADatabaseThatComesBackIsUsedAgain(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(http.StatusOK))
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	before := h.publish(agent)
	h.statuses(hook, before.EventID, client.StatusSuccess)
	if err := os.Rename(h.dir, h.dir+".moved"); err != nil {
		t.Fatal(err)
	}
	h.refuses(agent, "was deleted or moved")
	if err := os.Rename(h.dir+".moved", h.dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it says that it is ready", func(ctx context.Context) bool { return h.client().Ready(ctx) == nil })
	after := h.publish(agent)
	h.statuses(hook, after.EventID, client.StatusSuccess)
	h.stop()
	h.start()
	for _, event := range []client.Accepted{before, after} {
		h.statuses(hook, event.EventID, client.StatusSuccess)
	}
	h.stop()
}

// What was accepted before the log was deleted is in the database after a restart.
func TestADeletedLogCostsNothingThatWasAccepted(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(http.StatusOK))
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	before := h.publish(agent)
	h.statuses(hook, before.EventID, client.StatusSuccess)
	if err := os.Remove(filepath.Join(h.dir, "carteiro.db-wal")); err != nil {
		t.Fatal(err)
	}
	h.refuses(agent, "restart the server")
	h.stop()
	h.start()
	h.statuses(hook, before.EventID, client.StatusSuccess)
	h.statuses(hook, h.publish(agent).EventID, client.StatusSuccess)
	h.stop()
}

func TestDatabasesCopiesAndBackupsAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, quick...).start()
	h.publish(h.agent())
	if _, err := h.command("backup", "--to", "copy.db"); err != nil {
		t.Fatal(err)
	}
	private := func() {
		t.Helper()
		entries, err := os.ReadDir(h.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
			}
		}
	}
	private() // with the log and its index
	h.stop()
	h.move("sqlite:carteiro.db", "sqlite:moved.db")
	if _, err := h.command("restore", "--from", "copy.db", "--database", "sqlite:restored.db"); err != nil {
		t.Fatal(err)
	}
	private()

	// Files of former versions have the mode that they were made with.
	path := filepath.Join(h.dir, "carteiro.db")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	h.start()
	if _, err := h.log.await(within(t), regexp.MustCompile(`other users can read the database.*carteiro\.db \(mode 0644\)`)); err != nil {
		t.Error(err)
	}
	h.stop()
}
