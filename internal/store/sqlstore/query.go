package sqlstore

import (
	"regexp"
	"strings"
)

// Query is a statement for both databases. Queries are package variables, next to the method that runs them.
type Query struct {
	Postgres, SQLite string
	// Index is the position in [Queries].
	Index int
	// Writes says that the statement changes something, even if it returns rows.
	Writes bool
}

var queries []*Query

// Queries returns all queries.
func Queries() []*Query { return queries }

// NewQuery makes a query from SQL in PostgreSQL's dialect, with SQLite's INDEXED BY clauses. What only one database
// understands is removed or rewritten for the other; see the rules below.
func NewQuery(sql string) *Query {
	return NewQueries(indexedBy.ReplaceAllString(sql, ""), toSQLite(sql))
}

// NewQueries makes a query whose text differs between the databases in ways that no rule covers.
func NewQueries(postgres, sqlite string) *Query {
	q := &Query{Postgres: postgres, SQLite: sqlite, Index: len(queries), Writes: !strings.HasPrefix(sqlite, "SELECT")}
	queries = append(queries, q)
	return q
}

var (
	indexedBy = regexp.MustCompile(` INDEXED BY \w+`)
	// rules rewrite PostgreSQL's dialect for SQLite, in order.
	rules = []struct {
		match *regexp.Regexp
		with  string
	}{
		// Locks: SQLite has one writer.
		{regexp.MustCompile(` FOR (NO KEY UPDATE|UPDATE|KEY SHARE)( OF \w+)?( SKIP LOCKED)?`), ""},
		// Lists are bound as JSON.
		{regexp.MustCompile(`= ANY \(\$(\d+)::uuid\[\]\)`), `IN (SELECT unhex(value) FROM json_each(?$1))`},
		{regexp.MustCompile(`= ANY \(\$(\d+)::bigint\[\]\)`), `IN (SELECT value FROM json_each(?$1))`},
		{regexp.MustCompile(`position\((\$\d+) IN (\w+)\)`), `instr($2, $1)`},
		{regexp.MustCompile(`::[a-z]+(\[\])?`), ""},
		{regexp.MustCompile(`= true`), "= 1"},
		{regexp.MustCompile(`= false`), "= 0"},
		{regexp.MustCompile(` COLLATE "C"`), ""},
		// In PostgreSQL, xmax is zero in a row that was inserted and not in one that was updated.
		{regexp.MustCompile(`xmax = 0`), "1"},
		{regexp.MustCompile(`\$(\d+)`), `?$1`},
	}
)

func toSQLite(sql string) string {
	for _, r := range rules {
		sql = r.match.ReplaceAllString(sql, r.with)
	}
	return sql
}
