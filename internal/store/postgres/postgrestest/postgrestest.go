// Package postgrestest gives tests databases of their own, in the server that CARTEIRO_TEST_POSTGRES names.
// scripts/need-postgres, by which "make test" runs, starts one where there is none.
package postgrestest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Variable is the environment variable with the URL of the server, as a user who may make databases.
const Variable = "CARTEIRO_TEST_POSTGRES"

// Database makes a database that is dropped when the test ends, and gives its URL. It is empty; or a copy of template, if
// that is not "". It fails the test when there is no server.
func Database(t testing.TB, template string) string {
	t.Helper()
	server := os.Getenv(Variable) //nolint:forbidigo // of the tests, not of the program
	if server == "" {
		t.Fatalf("%s is not set: run this by \"make test PKG=…\", or set it to the URL of a PostgreSQL in which databases may be made", Variable)
	}
	name := "carteiro_test_" + rand.Text()[:12]
	create := `CREATE DATABASE ` + pgx.Identifier{name}.Sanitize()
	if template != "" {
		create += ` TEMPLATE ` + pgx.Identifier{nameOf(t, template)}.Sanitize()
	}
	Run(t, server, create+` STRATEGY file_copy`) // quicker where nothing is synced
	t.Cleanup(func() { Run(t, server, `DROP DATABASE `+pgx.Identifier{name}.Sanitize()+` WITH (FORCE)`) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Limited is [Database] for a role that is no superuser and may have so many connections at once.
func Limited(t testing.TB, connections int) string {
	t.Helper()
	server := os.Getenv(Variable) //nolint:forbidigo // as in Database
	role := "carteiro_role_" + strings.ToLower(rand.Text()[:12])
	if server != "" { // otherwise Database says what to do
		Run(t, server, fmt.Sprintf(`CREATE ROLE %s LOGIN CONNECTION LIMIT %d`, role, connections))
		t.Cleanup(func() { Run(t, server, `DROP ROLE `+role) }) // after the database, and what the role owns there
	}
	u, err := url.Parse(Database(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	Run(t, server, fmt.Sprintf(`ALTER DATABASE %s OWNER TO %s`, pgx.Identifier{u.Path[1:]}.Sanitize(), role))
	u.User = url.User(role)
	return u.String()
}

// nameOf gives the name of the database that a URL names.
func nameOf(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path[1:]
}

// Run runs statements in the database that a URL names.
func Run(t testing.TB, database, sql string) {
	t.Helper()
	ctx := context.Background() // also once the test's own has ended
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	defer func() { _ = c.Close(ctx) }() // nothing is lost with it
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Ask gives the text that a query of one value has for an answer in the database that a URL names.
func Ask(t testing.TB, database, sql string) (answer string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	defer func() { _ = c.Close(ctx) }() // nothing is lost with it
	if err := c.QueryRow(ctx, sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// Owned makes a database that belongs to a role of its own, which is no superuser: its privileges can be revoked. It gives the URLs for a
// superuser and for that role, and the role's name.
func Owned(t testing.TB) (database, owned, role string) {
	t.Helper()
	role = strings.ToLower("carteiro_test_" + rand.Text()[:12])
	server := os.Getenv(Variable)                                     //nolint:forbidigo // of the tests, not of the program
	t.Cleanup(func() { Run(t, server, `DROP ROLE IF EXISTS `+role) }) // once the database is gone
	database = Database(t, "")
	Run(t, database, `CREATE ROLE `+role+` LOGIN PASSWORD 'test'`)
	Run(t, database, `ALTER DATABASE `+pgx.Identifier{nameOf(t, database)}.Sanitize()+` OWNER TO `+role)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "test")
	return database, u.String(), role
}
