package sqlite

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

// A database of an earlier layout is made by copying what that layout kept out of one of the present layout. Once it is
// opened everything must be there again, what the later layout keeps beside it included.
func TestADatabaseOfAnEarlierLayoutIsUpgraded(t *testing.T) {
	dir := t.TempDir()
	present := reopen(t, filepath.Join(dir, "present.db"), Options{})
	l := newLoad(t, present, 3)
	hook := &carteiro.Webhook{ID: carteiro.ID{9}, EnvironmentID: carteiro.ID{8}, OwnerKind: carteiro.OwnerAgent, OwnerID: carteiro.ID{7}, Name: "ÂNGELA",
		CreatedAt: start, UpdatedAt: start}
	_, _, err := present.PutOwner(t.Context(), store.PutOwner{Owner: carteiro.Owner{
		EnvironmentID: hook.EnvironmentID, Kind: hook.OwnerKind, ID: hook.OwnerID, Name: "Front desk", CreatedAt: start, UpdatedAt: start,
	}})
	must(t, err)
	must(t, present.CreateWebhook(t.Context(), store.CreateWebhook{Webhook: hook}))
	token := carteiro.Token{ID: carteiro.ID{6}, EnvironmentID: hook.EnvironmentID, Hash: carteiro.HashToken("x"), CreatedAt: start}
	must(t, present.CreateEnvironment(t.Context(), store.CreateEnvironment{
		Environment: carteiro.Environment{ID: hook.EnvironmentID, Name: "production", CreatedAt: start}, Token: token,
	}))
	for range 10 {
		l.deliver(20, func(i int) bool { return i%5 == 0 })
		l.now = l.now.Add(3 * time.Hour)
	}
	asked := []store.ListLogs{
		{Status: carteiro.StatusFailed}, {HTTP: &carteiro.StatusRange{Min: 200, Max: 299}}, {HTTP: &carteiro.StatusRange{Min: 500, Max: 599}},
		{HTTP: &carteiro.StatusRange{Min: 400, Max: 599}, From: start.Add(-10 * time.Hour)},
	}
	want := answers(t, present, asked, l)
	closeStore(t, present)

	path := filepath.Join(dir, "earlier.db")
	makeLayout(t, path, 1, filepath.Join(dir, "present.db"))
	upgraded := reopen(t, path, Options{})
	wantConsistent(t, upgraded)
	if got := answers(t, upgraded, asked, l); !reflect.DeepEqual(got, want) {
		t.Errorf("after the upgrade:\n%v\nbefore:\n%v", got, want)
	}
	found, _, err := upgraded.FindWebhooks(t.Context(), store.FindWebhooks{EnvironmentID: hook.EnvironmentID, Search: "ângela", Limit: 1})
	if must(t, err); len(found) != 1 || found[0].OwnerName != "Front desk" {
		t.Errorf("found %v", found)
	}
	environment := carteiro.Environment{ID: hook.EnvironmentID, Name: "production", CreatedAt: start}
	own := store.OwnerRef{EnvironmentID: environment.ID, Kind: carteiro.OwnerEnvironment, ID: environment.ID}
	if owner, err := upgraded.GetOwner(t.Context(), own); err != nil || owner != environment.Owner() {
		t.Errorf("the environment owns as %+v, %v", owner, err)
	}
	token.Name, token.Scopes = carteiro.DefaultTokenName, carteiro.ScopeAll
	if got, err := upgraded.FindToken(t.Context(), token.Hash); err != nil || got != token {
		t.Errorf("a token from before scopes is %+v, %v", got, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answers are totals, as text.
func answers(t *testing.T, s *Store, asked []store.ListLogs, l *load) (all []string) {
	t.Helper()
	for _, p := range asked {
		for _, p.WebhookID = range l.webhooks {
			p.Limit = 5
			page, err := s.ListLogs(t.Context(), p)
			must(t, err)
			text := fmt.Sprint(page.Total, page.More)
			for _, a := range page.Attempts {
				text += fmt.Sprint(" ", a.ID, a.Status, a.Outcome.HTTPStatus)
			}
			all = append(all, text)
		}
	}
	o, err := s.Overview(t.Context(), store.Overview{Now: start, From: start})
	must(t, err)
	return append(all, fmt.Sprint(o.Queue))
}

// makeLayout makes a database of an earlier layout with what it has in common with another.
func makeLayout(t *testing.T, path string, version int, from string) {
	t.Helper()
	steps, err := layout.Migrations(migrationFiles)
	must(t, err)
	c, err := openConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate, "page_size = 8192")
	must(t, err)
	for _, step := range steps[:version] {
		must(t, c.script(step))
	}
	must(t, c.script(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; ATTACH '%s' AS present;", applicationID, version, from)))
	for _, table := range names(t, c, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT IN ('counts', 'ping')") {
		columns := strings.Join(names(t, c, "SELECT name FROM pragma_table_info('"+table+"', 'main')"), ", ")
		must(t, c.exec(fmt.Sprintf("INSERT INTO main.%s (%s) SELECT %s FROM present.%s", table, columns, columns, table)))
	}
	must(t, c.exec("DELETE FROM main.owners WHERE kind = 3")) // environments own nothing before there are notices
	must(t, c.exec("DETACH present"))
	must(t, c.close())
}

func names(t *testing.T, c *conn, sql string) (all []string) {
	t.Helper()
	s, _, err := c.db.PrepareTransient(sql)
	must(t, err)
	defer func() { must(t, s.Finalize()) }()
	for {
		row, err := s.Step()
		must(t, err)
		if !row {
			return slices.Clip(all)
		}
		all = append(all, s.ColumnText(0))
	}
}

func TestNoticesOfAnEarlierLayoutAreNumberedInTheirOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "earlier.db")
	steps, err := layout.Migrations(migrationFiles)
	must(t, err)
	c, err := openConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate, "page_size = 8192")
	must(t, err)
	must(t, c.defineFunctions())
	for _, step := range steps[:11] {
		must(t, c.script(step))
	}
	must(t, c.script(fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = 11;
		INSERT INTO notices VALUES (3, x'01', x'08', 'c', x'09', NULL, 0, '', '', NULL, NULL, '', 0, 0),
			(1, x'02', x'08', 'b', x'09', NULL, 0, '', '', NULL, NULL, '', 0, 0), (1, x'01', x'08', 'a', x'09', NULL, 0, '', '', NULL, NULL, '', 0, 0);`, applicationID)))
	must(t, c.close())
	notices, err := reopen(t, path, Options{}).ListNotices(t.Context(), store.ListNotices{Limit: 10})
	must(t, err)
	var got string
	for _, n := range notices {
		got += fmt.Sprint(n.Seq, n.Type, " ")
	}
	if got != "1a 2b 3c " {
		t.Errorf("listed %s", got)
	}
}
