// Package layout is what the databases' layouts have in common beside their SQL: what they write as numbers or bytes, the
// order of their migrations, the grains of what they count, and the gathering of the counts of a batch. What stands here
// reads the same in each of them.
package layout

import (
	"fmt"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
)

// The statuses of finished attempts as they are stored.
const (
	StatusSuccess = 1
	StatusFailed  = 2
)

// triggers by their stored number.
var triggers = [...]carteiro.Trigger{1: carteiro.TriggerAutomatic, carteiro.TriggerManual, carteiro.TriggerTest, carteiro.TriggerBulk}

// TriggerNumber gives the number that a trigger is stored as. It fails when there is no such trigger.
func TriggerNumber(trigger carteiro.Trigger) (int64, error) {
	for n := 1; n < len(triggers); n++ {
		if triggers[n] == trigger {
			return int64(n), nil
		}
	}
	return 0, fmt.Errorf("no such trigger: %q", trigger)
}

// TriggerOf is the reverse of [TriggerNumber]. It gives "" for what is no trigger's number.
func TriggerOf(number int64) carteiro.Trigger {
	if number < 1 || number >= int64(len(triggers)) {
		return ""
	}
	return triggers[number]
}

// bulkStatuses by their stored number.
var bulkStatuses = [...]carteiro.BulkStatus{
	1: carteiro.BulkQueued, carteiro.BulkRunning, carteiro.BulkPaused, carteiro.BulkCancelled, carteiro.BulkDone,
}

// BulkNumber gives the number that the status of a bulk retry is stored as. It fails when there is no such status.
func BulkNumber(status carteiro.BulkStatus) (int64, error) {
	for n := 1; n < len(bulkStatuses); n++ {
		if bulkStatuses[n] == status {
			return int64(n), nil
		}
	}
	return 0, fmt.Errorf("no such status of a bulk retry: %q", status)
}

// BulkStatusOf is the reverse of [BulkNumber].
func BulkStatusOf(number int64) (carteiro.BulkStatus, error) {
	if number < 1 || number >= int64(len(bulkStatuses)) {
		return "", fmt.Errorf("no such status of a bulk retry: %d", number)
	}
	return bulkStatuses[number], nil
}

// UndeliveredNumber gives the number that the reason is stored as why an event is undelivered: 0 for none, and for what
// is no reason.
func UndeliveredNumber(reason carteiro.Undelivered) int64 {
	if reason == "" {
		return 0
	}
	return int64(slices.Index(carteiro.UndeliveredReasons, reason) + 1)
}

// UndeliveredOf is the reverse of [UndeliveredNumber]. It gives "" for 0, and for what is no reason's number.
func UndeliveredOf(number int64) carteiro.Undelivered {
	if number < 1 || number > int64(len(carteiro.UndeliveredReasons)) {
		return ""
	}
	return carteiro.UndeliveredReasons[number-1]
}

// Micros gives a time as it reads once it is stored, to the microsecond and in UTC.
func Micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// TokenAtMicros gives a token as it reads once it is stored.
func TokenAtMicros(token carteiro.Token) carteiro.Token {
	for _, at := range []*time.Time{&token.CreatedAt, &token.ExpiresAt, &token.LastUsedAt} {
		*at = Micros(*at)
	}
	return token
}
