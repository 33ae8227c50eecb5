package sqlite

import (
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
)

// query is an SQL statement that every connection prepares once, when it first runs it. Queries are package variables,
// beside the verb that they serve.
type query struct {
	sql   string
	index int
}

// queries are all that there are; only package variables add to it.
var queries []*query

func newQuery(sql string) *query {
	// The same text yields the same prepared statement, so it must be one query.
	if i := slices.IndexFunc(queries, func(q *query) bool { return q.sql == sql }); i >= 0 {
		return queries[i]
	}
	q := &query{sql: sql, index: len(queries)}
	queries = append(queries, q)
	return q
}

// conn is a connection with its prepared statements. It is used by one goroutine at a time.
type conn struct {
	db    *sqlite.Conn
	stmts []stmt // by query.index
	// writes counts the statements that were run to change something.
	writes int
	keys   *seal.Keyring // open what rows hold sealed
}

// busyTimeout is how long a connection waits for another process, such as a command that creates an environment while
// a server runs.
const busyTimeout = 10 * time.Second

// openConn opens a connection; pragmas are run on it one by one.
func openConn(path string, flags sqlite.OpenFlags, pragmas ...string) (*conn, error) {
	db, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, err
	}
	db.SetBusyTimeout(busyTimeout)
	c := &conn{db: db, stmts: make([]stmt, len(queries))}
	for _, pragma := range pragmas {
		if err := c.exec("PRAGMA " + pragma); err != nil {
			_ = c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *conn) close() error {
	for i := range c.stmts {
		if s := &c.stmts[i]; s.s != nil {
			_ = s.s.Finalize() // the error is that of the last run, and known
		}
	}
	return c.db.Close()
}

// exec runs one statement that is not worth keeping, to its end.
func (c *conn) exec(sql string) error {
	_, err := c.execInt(sql)
	return err
}

// execInt is exec for a statement that answers with a number; 0 when it answers nothing.
func (c *conn) execInt(sql string) (value int64, err error) {
	s, _, err := c.db.PrepareTransient(sql)
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.Finalize() }() // the error is that of the last step
	for {
		row, err := s.Step()
		if err != nil || !row {
			return value, err
		}
		value = s.ColumnInt64(0)
	}
}

// finish ends every statement that was left in the middle of its rows.
func (c *conn) finish() {
	for i := range c.stmts {
		if c.stmts[i].running {
			c.stmts[i].reset()
		}
	}
}

// stmt is a prepared statement being bound, run and read: c.query(q).id(x).int(y).run(), or .next() and columns.
// A fault on the way is kept, and told by run or end.
type stmt struct {
	s       *sqlite.Stmt
	bound   int
	running bool
	err     error
	keys    *seal.Keyring // the connection's
}

// query begins a run of q, whose parameters are then bound in their order.
func (c *conn) query(q *query) *stmt {
	s := &c.stmts[q.index]
	if s.running {
		panic("query within its own rows: " + q.sql)
	}
	s.bound, s.err, s.keys = 0, nil, c.keys
	if s.s == nil {
		s.s, s.err = c.db.Prepare(q.sql)
	}
	return s
}

// write is query for statements that change something.
func (c *conn) write(q *query) *stmt {
	c.writes++
	return c.query(q)
}

func (s *stmt) param() int {
	s.bound++
	return s.bound
}

func (s *stmt) int(v int64) *stmt {
	if s.err == nil {
		s.s.BindInt64(s.param(), v)
	}
	return s
}

func (s *stmt) bool(v bool) *stmt {
	if v {
		return s.int(1)
	}
	return s.int(0)
}

func (s *stmt) text(v string) *stmt {
	if s.err == nil {
		s.s.BindText(s.param(), v)
	}
	return s
}

// maybeText binds NULL for nil.
func (s *stmt) maybeText(v *string) *stmt {
	if v == nil {
		return s.null()
	}
	return s.text(*v)
}

func (s *stmt) id(v carteiro.ID) *stmt {
	if s.err == nil {
		s.s.BindBytes(s.param(), v[:])
	}
	return s
}

func (s *stmt) null() *stmt {
	if s.err == nil {
		s.s.BindNull(s.param())
	}
	return s
}

// maybeID binds NULL for the zero id.
func (s *stmt) maybeID(v carteiro.ID) *stmt {
	if v.IsZero() {
		return s.null()
	}
	return s.id(v)
}

// blob binds NULL for nil.
func (s *stmt) blob(v []byte) *stmt {
	if v == nil {
		return s.null()
	}
	if s.err == nil {
		s.s.BindBytes(s.param(), v)
	}
	return s
}

// time binds microseconds, and NULL for the zero time.
func (s *stmt) time(t time.Time) *stmt {
	if t.IsZero() {
		return s.null()
	}
	return s.int(t.UnixMicro())
}

// next goes to the next row. When there is none, or at a fault, it ends the run.
func (s *stmt) next() bool {
	if s.err != nil {
		return false
	}
	s.running = true
	row, err := s.s.Step()
	if err != nil {
		s.err = err
	}
	if !row {
		s.reset()
	}
	return row
}

func (s *stmt) reset() {
	s.running = false
	if err := s.s.Reset(); err != nil && s.err == nil {
		s.err = err
	}
}

// end ends a run whose rows were read, all or not, and gives its fault.
func (s *stmt) end() error {
	if s.running {
		s.reset()
	}
	return s.err
}

// run runs a statement that gives no rows.
func (s *stmt) run() error {
	for s.next() {
	}
	return s.end()
}

// one goes to the only row that is of interest. Its columns are read before end.
func (s *stmt) one() (found bool, err error) {
	found = s.next()
	return found, s.err
}

// exists says whether there is any row.
func (s *stmt) exists() (bool, error) {
	found := s.next()
	return found, s.end()
}

// ids reads a column of ids.
func (s *stmt) ids() (ids []carteiro.ID, err error) {
	for s.next() {
		ids = append(ids, s.colID(0))
	}
	return ids, s.end()
}

// number gives the first column of the only row, 0 when there is none or when it is NULL.
func (s *stmt) number() (n int64, err error) {
	if s.next() {
		n = s.colInt(0)
	}
	return n, s.end()
}

// changed runs a statement and says how many rows it has changed.
func (c *conn) changed(s *stmt) (int, error) {
	if err := s.run(); err != nil {
		return 0, err
	}
	return c.db.Changes(), nil
}

func (s *stmt) colInt(i int) int64   { return s.s.ColumnInt64(i) }
func (s *stmt) colBool(i int) bool   { return s.s.ColumnInt64(i) != 0 }
func (s *stmt) colText(i int) string { return s.s.ColumnText(i) }
func (s *stmt) colNull(i int) bool   { return s.s.ColumnType(i) == sqlite.TypeNull }

// colID gives the zero id for NULL.
func (s *stmt) colID(i int) (id carteiro.ID) {
	s.s.ColumnBytes(i, id[:])
	return id
}

// colBlob gives nil for NULL.
func (s *stmt) colBlob(i int) []byte {
	if s.colNull(i) {
		return nil
	}
	b := make([]byte, s.s.ColumnLen(i))
	s.s.ColumnBytes(i, b)
	return b
}

// colTime gives the zero time for NULL.
func (s *stmt) colTime(i int) time.Time {
	if s.colNull(i) {
		return time.Time{}
	}
	return time.UnixMicro(s.colInt(i)).UTC()
}
