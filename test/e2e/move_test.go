package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// moved is what "carteiro migrate --json" prints.
type moved struct {
	Sections []struct {
		Name   string
		Count  int
		SHA256 string
	}
	Resumed int
}

// A customer's way from one file to PostgreSQL and back. The first copy is killed in the middle.
func TestEverythingIsMovedToPostgreSQLThoughTheCopyIsKilled(t *testing.T) {
	t.Parallel()
	const events, failing = 600, 6
	sometimes := newReceiver(t, func(d delivery) int { // too seldom to open the circuit
		var payload struct{ I int }
		if json.Unmarshal(d.body, &payload) == nil && payload.I%(events/failing) == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	works := newReceiver(t, always(http.StatusOK))
	h := newHouse(t, "--allow-private-networks", "--rate-limit", "0", "--retry-schedule", "1h").start()
	agent := h.agent()
	hooks := []client.Webhook{h.webhook(agent, works.URL, 3), h.webhook(agent, sometimes.URL, 3)}
	h.publishMany(agent, events/2)
	h.publishMany(agent, events/2)
	for _, want := range []struct {
		hook   int
		status string
		total  int
	}{{0, client.StatusSuccess, events}, {1, client.StatusSuccess, events - failing}, {1, client.StatusRetrying, failing}} {
		eventually(t, "all are sent", func(ctx context.Context) bool {
			_, page, err := h.client().ListLogs(ctx, agent, hooks[want.hook].ID, client.LogFilter{Status: want.status, PerPage: 1})
			return err == nil && page.Total == want.total
		})
	}
	before := h.story(hooks)
	h.stop()

	database := postgrestest.Database(t, "")
	there := h.beside("CARTEIRO_DATABASE=" + database)
	killed := exec.Command(binary, "migrate", "--from", "sqlite:carteiro.db", "--to", database)
	killed.Dir, killed.Env = h.dir, cleanEnviron()
	said, err := killed.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	log := newTranscript()
	go log.follow(said)
	if _, err := log.await(within(t), regexp.MustCompile(`copying: [1-9]`)); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	_ = killed.Process.Kill()
	_ = killed.Wait()
	for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"environment", "list"}} {
		if _, err := there.command(command...); err == nil || !strings.Contains(err.Error(), "a copy of sqlite:") || !strings.Contains(err.Error(), "is not finished") {
			t.Errorf("%s on half a copy: %v", command[0], err)
		}
	}
	report := h.move("sqlite:carteiro.db", database)
	if report.Resumed == 0 {
		t.Error("it did not go on where the first one was killed")
	}
	there.start()
	if after := there.story(hooks); !reflect.DeepEqual(after, before) {
		t.Errorf("the logs read otherwise: %d and %d entries", len(after), len(before))
	}
	there.publish(agent)
	there.stop()

	// And back, with what has come meanwhile.
	h.move(database, "sqlite:back.db")
	back := h.beside("CARTEIRO_DATABASE=sqlite:" + h.dir + "/back.db").start()
	if _, page, err := back.client().ListLogs(within(t), agent, hooks[0].ID, client.LogFilter{PerPage: 1}); err != nil || page.Total != events+1 {
		t.Errorf("%d entries, want %d, %v", page.Total, events+1, err)
	}
	// Neither is copied while a server runs on it, nor into what is not empty.
	for _, refused := range [][3]string{
		{"sqlite:back.db", "sqlite:more.db", "another server is running on it"},
		{"sqlite:carteiro.db", database, "it is not empty"},
		{"sqlite:carteiro.db", "sqlite:./carteiro.db", "source and target are the same"},
		{"sqlite:carteiro.db", "postgres://app:hunter2@127.0.0.1:1/carteiro?connect_timeout=1", "no server that can be written to answers there"},
	} {
		_, err := h.command("migrate", "--from", refused[0], "--to", refused[1])
		_, said, _ := strings.Cut(fmt.Sprint(err), "exit status 1: ")
		if !strings.Contains(said, refused[2]) || strings.Contains(said, "hunter2") || strings.Count(said, "\n") != 1 {
			t.Errorf("migrate %v: %v", refused[:2], err)
		}
	}
	there.start()
	if _, err := h.command("migrate", "--from", database, "--to", "sqlite:more.db"); err == nil || !strings.Contains(err.Error(), "a server is running on it") {
		t.Errorf("a copy of a database with a server: %v", err)
	}
	there.stop()
	back.stop()
}

// move copies everything, and gives what was said of it.
func (h *house) move(from, to string) (report moved) {
	h.t.Helper()
	out, err := h.command("migrate", "--from", from, "--to", to, "--json", "--quiet")
	if err == nil {
		err = json.Unmarshal([]byte(out), &report)
	}
	if err != nil || len(report.Sections) == 0 {
		h.t.Fatalf("%v %s", err, out)
	}
	return report
}

// story is all that the logs of webhooks say, newest first.
func (h *house) story(hooks []client.Webhook) (all []client.Log) {
	h.t.Helper()
	for _, hook := range hooks {
		for log, err := range h.client().Logs(within(h.t), hook.Owner(), hook.ID, client.LogFilter{PerPage: 100}) {
			if err != nil {
				h.t.Fatal(err)
			}
			all = append(all, log)
		}
	}
	return all
}
