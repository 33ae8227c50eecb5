package sqlite

import (
	"context"
	"fmt"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const noticeColumns = `seq, at, environment_id, type, webhook_id, since, failures, disabled_by, error, attempt_id, event_id, event_type, number, http_status`

// isHeard is true of a webhook w whose environment is told of it: one of an agent or a campaign that is not deleted, where the
// environment has a webhook of its own.
const isHeard = `w.owner_kind <> 3 AND w.deleted_at IS NULL AND EXISTS (SELECT 1 FROM webhooks o
	WHERE o.environment_id = w.environment_id AND o.owner_kind = 3 AND o.owner_id = w.environment_id AND o.deleted_at IS NULL)`

var (
	insertNotice = newQuery(`INSERT INTO notices (` + noticeColumns + `)
		SELECT NULL, ?2, w.environment_id, ?3, w.id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM webhooks w WHERE w.id = ?1 AND ` + isHeard)
	takeNotice = newQuery(`DELETE FROM notices WHERE seq = ?`)
)

// notice writes a notice, if its environment is to be told. Its number and environment are filled in by the database.
func (c *conn) notice(n *carteiro.Notification) error {
	if n == nil {
		return nil
	}
	return c.write(insertNotice).id(n.WebhookID).time(n.At).text(n.Type).noticed(n).run()
}

// noticed binds the columns from since on.
func (s *stmt) noticed(n *carteiro.Notification) *stmt {
	return s.time(n.Since).int(int64(n.Failures)).text(string(n.DisabledBy)).text(n.Error).
		maybeID(n.Last.ID).maybeID(n.Last.EventID).text(n.Last.EventType).int(int64(n.Last.Number)).int(int64(n.Last.HTTPStatus))
}

// TellNotices implements [store.Notices].
func (s *Store) TellNotices(ctx context.Context, p store.TellNotices) (told []bool, err error) {
	err = s.writer.write(ctx, 2*len(p.Tidings), func(t *tx) error {
		told = make([]bool, len(p.Tidings))
		for i := range p.Tidings {
			if told[i], err = t.tellNotice(&p.Tidings[i]); err != nil || !told[i] {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return told, nil
}

func (t *tx) tellNotice(tiding *store.Tiding) (told bool, err error) {
	n, err := t.changed(t.write(takeNotice).int(tiding.Notice))
	if err != nil || n == 0 {
		return false, err
	}
	if tiding.Item != nil {
		if err := (&acceptance{tx: t}).add(tiding.Item); err != nil {
			return false, fmt.Errorf("publish operator event %d: %w", tiding.Notice, err)
		}
	}
	return true, nil
}
