package sqlite

import (
	"testing"

	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/storetest"
)

func TestDamageIsFound(t *testing.T) {
	storetest.Examine(t,
		func(t *testing.T) store.Examinable { return openTemp(t) },
		func(s store.Examinable, sql string) error {
			return s.(*Store).writer.write(t.Context(), 1, func(tx *tx) error { return tx.exec(sql) })
		},
		map[storetest.Damage]string{
			storetest.LoseWaitingEvent:   `DELETE FROM events WHERE number = (SELECT event FROM open WHERE number = 1 AND lease IS NULL)`,
			storetest.LoseFinishedEvent:  `DELETE FROM events WHERE number = (SELECT event FROM attempts WHERE status = 1)`,
			storetest.LoseSession:        `UPDATE open SET lease = 999 WHERE number = 1 AND lease IS NULL`,
			storetest.LoseWebhook:        `DELETE FROM webhooks`,
			storetest.LoseOwner:          `DELETE FROM owners`,
			storetest.CutSettings:        `UPDATE webhooks SET settings = substr(settings, 1, 10)`,
			storetest.LeaveAttempt:       `UPDATE open SET webhook_id = (SELECT id FROM webhooks WHERE cleaned = 1) WHERE number = 1 AND lease IS NULL`,
			storetest.LeaveSecrets:       `UPDATE webhooks SET settings = (SELECT settings FROM webhooks WHERE deleted_at IS NULL LIMIT 1) WHERE cleaned = 1`,
			storetest.LeaveJob:           `UPDATE bulk_retries SET status = 3, ended_at = NULL`,
			storetest.LoseRetry:          `DELETE FROM open WHERE number = 3`,
			storetest.LoseMiddle:         `DELETE FROM attempts WHERE number = 2`,
			storetest.Misfile:            `UPDATE open SET environment_id = randomblob(16)`,
			storetest.MiscountTotals:     `UPDATE totals SET success = success + 1`,
			storetest.MiscountHours:      `DELETE FROM counts WHERE failed > 0`,
			storetest.MiscountQueue:      `UPDATE queues SET open = open + 1`,
			storetest.MiscountActivity:   `UPDATE activity SET failed = 0 WHERE grain = 2`,
			storetest.RenumberFinished:   `UPDATE attempts SET number = 3 WHERE number = 2`,
			storetest.ForgetPredecessor:  `UPDATE attempts SET previous_id = NULL WHERE number = 2`,
			storetest.TurnIntoSuccess:    `UPDATE attempts SET status = 1 WHERE number = 2`,
			storetest.EternalLease:       `UPDATE sessions SET until = 4102444800000000`,
			storetest.MiscountEvent:      `UPDATE events SET attempts = attempts - 1 WHERE attempts = 3`,
			storetest.LoseExchange:       `DELETE FROM exchanges WHERE http_status = 204`,
			storetest.LoseAttemptOfEvent: `DELETE FROM attempts WHERE status = 1`,
		})
}
