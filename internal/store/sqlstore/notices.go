package sqlstore

import (
	"context"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const noticeColumns = `seq, at, environment_id, type, webhook_id, since, failures, disabled_by, error, attempt_id, event_id, event_type, number, http_status`

var (
	listNotices  = NewQuery(`SELECT ` + noticeColumns + ` FROM notices WHERE seq > $1 ORDER BY seq LIMIT $2`)
	importNotice = NewQuery(`INSERT INTO notices (` + noticeColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`)
)

// readNotice reads noticeColumns.
func readNotice(scan Scan) (n carteiro.Notification, err error) {
	err = scan(&n.Seq, &n.At, &n.EnvironmentID, &n.Type, &n.WebhookID, &n.Since, &n.Failures, &n.DisabledBy,
		(*Text)(&n.Error), &n.Last.ID, &n.Last.EventID, &n.Last.EventType, &n.Last.Number, &n.Last.HTTPStatus)
	return n, err
}

// noticeValues are the values of noticeColumns.
func noticeValues(n *carteiro.Notification) []any {
	return []any{
		n.Seq, n.At, n.EnvironmentID, n.Type, n.WebhookID, n.Since, n.Failures, string(n.DisabledBy), Text(n.Error),
		n.Last.ID, n.Last.EventID, n.Last.EventType, n.Last.Number, n.Last.HTTPStatus,
	}
}

// ListNotices implements [store.Notices].
func (s *Store) ListNotices(ctx context.Context, p store.ListNotices) (notices []carteiro.Notification, err error) {
	err = s.db.Read(ctx, func(t Tx) error {
		notices, err = list(t, readNotice, listNotices, p.After, p.Limit)
		return err
	})
	return notices, err
}
