package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlstore"
)

// shared implements [sqlstore.DB].
type shared struct{ s *Store }

func (d shared) Read(ctx context.Context, do func(sqlstore.Tx) error) error {
	return d.s.read(ctx, func(c *conn) error { return do(&tx{conn: c}) })
}

func (d shared) Snapshot(ctx context.Context, do func(sqlstore.Tx) error) error {
	return d.s.readSnapshot(ctx, func(c *conn) error { return do(&tx{conn: c}) })
}

func (d shared) Write(ctx context.Context, weight int, do func(sqlstore.Tx) error) error {
	return d.s.writer.write(ctx, weight, func(t *tx) error { return do(t) })
}

func (shared) ReadsWidely(context.Context) bool { return true }

// sharedQueries are the queries of package sqlstore, by their index.
var sharedQueries []*query

func init() {
	for _, q := range sqlstore.Queries() {
		sharedQueries = append(sharedQueries, newQuery(q.SQLite))
	}
}

// Exec implements [sqlstore.Tx].
func (t *tx) Exec(q *sqlstore.Query, args ...any) (int, error) {
	return t.changed(t.write(sharedQueries[q.Index]).bind(args))
}

// Each implements [sqlstore.Tx].
func (t *tx) Each(read func(sqlstore.Scan) error, q *sqlstore.Query, args ...any) error {
	begin := t.query
	if q.Writes {
		begin = t.write
	}
	rows := begin(sharedQueries[q.Index]).bind(args)
	for rows.next() {
		if err := read(rows.scan); err != nil {
			_ = rows.end() // the error is in what was read
			return err
		}
	}
	return rows.end()
}

// CheckKey implements [sqlstore.Tx].
func (t *tx) CheckKey(key *store.Key, now time.Time) error {
	before, err := t.keyBefore(key, now)
	if err == nil && before != nil {
		err = &store.KeyUsedError{Replay: *before}
	}
	return err
}

// PutKey implements [sqlstore.Tx].
func (t *tx) PutKey(key *store.Key) error {
	if key == nil {
		return nil
	}
	return t.putKey(key, key.Answer)
}

// AddNotice implements [sqlstore.Tx].
func (t *tx) AddNotice(n *carteiro.Notification) error { return t.notice(n) }

// EraseAttempts implements [sqlstore.Tx].
func (t *tx) EraseAttempts(webhook carteiro.ID, limit int) (int, error) {
	old, err := oldAttemptsOf(t.query(attemptsLeft).id(webhook).int(int64(limit)))
	if err != nil {
		return 0, err
	}
	for i := range old {
		if err := t.purgeAttempt(webhook, &old[i]); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}

// Notify implements [sqlstore.Tx]. There are no other nodes.
func (*tx) Notify(sqlstore.Change) error { return nil }

// Keys implements [sqlstore.Tx].
func (t *tx) Keys() *seal.Keyring { return t.keys }

// Conflict implements [sqlstore.Tx].
func (*tx) Conflict(err error) error { return conflict(err) }

// bind binds the arguments of a shared statement.
func (s *stmt) bind(args []any) *stmt {
	for _, arg := range args {
		switch v := arg.(type) {
		case nil:
			s.null()
		case carteiro.ID:
			s.maybeID(v)
		case sqlstore.NotNull:
			s.id(carteiro.ID(v))
		case time.Time:
			s.time(v)
		case sqlstore.Text:
			s.text(string(v))
		case *string:
			s.maybeText(v)
		case []byte:
			s.blob(v)
		case bool:
			s.bool(v)
		case []carteiro.ID:
			list := make([]string, len(v))
			for i := range v {
				list[i] = hex.EncodeToString(v[i][:])
			}
			s.list(list)
		case []int64:
			s.list(v)
		default:
			s.bindKind(reflect.ValueOf(arg))
		}
	}
	return s
}

// list binds a list as JSON.
func (s *stmt) list(v any) {
	text, err := json.Marshal(v)
	if err != nil && s.err == nil {
		s.err = err
	}
	s.text(string(text))
}

// bindKind binds numbers and strings of any type.
func (s *stmt) bindKind(v reflect.Value) {
	switch {
	case v.CanInt():
		s.int(v.Int())
	case v.CanUint():
		s.int(int64(v.Uint())) //nolint:gosec // kinds and bit sets
	case v.Kind() == reflect.String:
		s.text(v.String())
	default:
		panic(fmt.Sprintf("cannot bind a %s", v.Type()))
	}
}

// scan implements [sqlstore.Scan].
func (s *stmt) scan(into ...any) error {
	for i, to := range into {
		switch to := to.(type) {
		case *carteiro.ID:
			*to = s.colID(i)
		case *time.Time:
			*to = s.colTime(i)
		case *[]byte:
			*to = s.colBlob(i)
		default:
			s.scanKind(i, reflect.ValueOf(to).Elem())
		}
	}
	return nil
}

// scanKind reads numbers, booleans and strings of any type.
func (s *stmt) scanKind(i int, to reflect.Value) {
	switch {
	case to.CanInt():
		to.SetInt(s.colInt(i))
	case to.CanUint():
		to.SetUint(uint64(s.colInt(i))) //nolint:gosec // kinds and bit sets
	case to.Kind() == reflect.Bool:
		to.SetBool(s.colBool(i))
	case to.Kind() == reflect.String:
		to.SetString(s.colText(i))
	default:
		panic(fmt.Sprintf("cannot scan into a %s", to.Type()))
	}
}
