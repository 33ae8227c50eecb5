package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// logFilter reads the filters of a webhook's log, all but those by time and id.
func (q *query) logFilter(webhook carteiro.ID) store.ListLogs {
	return store.ListLogs{
		WebhookID: webhook,
		Status:    q.status(),
		EventType: q.text(fieldEvent),
		EventID:   q.id(fieldEventID),
		HTTP:      parseStatusRange(q.values.Get(fieldHTTPStatus), &q.faults),
	}
}

// status reads the filter by status.
func (q *query) status() carteiro.Status {
	status := carteiro.Status(q.values.Get(fieldStatus))
	switch status {
	case "", carteiro.StatusPending, carteiro.StatusSuccess, carteiro.StatusRetrying, carteiro.StatusFailed:
		return status
	}
	q.faults.add(fieldStatus, isNotAmongTheSelection)
	return ""
}

// includeTo makes the store's bound, which is exclusive, of one that is not.
func includeTo(to time.Time) time.Time {
	if to.IsZero() {
		return to
	}
	return to.Add(time.Microsecond)
}

// noAnswer is how the filter by HTTP status names attempts without one.
const noAnswer = "none"

// parseStatusRange reads an HTTP status, a class of them such as 5xx, or none; nil is no filter.
func parseStatusRange(s string, f *faults) *carteiro.StatusRange {
	if s == "" {
		return nil
	}
	if s == noAnswer || s == "0" {
		return &carteiro.StatusRange{}
	}
	least, most := strings.ToLower(s), strings.ToLower(s)
	if digit, class := strings.CutSuffix(least, "xx"); class {
		least, most = digit+"00", digit+"99"
	}
	from, fromErr := strconv.ParseUint(least, 10, 16)
	to, toErr := strconv.ParseUint(most, 10, 16)
	if fromErr != nil || toErr != nil || len(least) != 3 || from < 100 || to > 599 {
		f.add(fieldHTTPStatus, isNotAmongTheSelection)
		return nil
	}
	return &carteiro.StatusRange{Min: int(from), Max: int(to)}
}

// statusText gives an HTTP status that was sent as a number as the text that it is in a query.
func statusText(raw []byte) string {
	if n, whole := wholeNumber(raw); whole && n >= 0 && n < 1000 {
		return strconv.Itoa(int(n))
	}
	return string(raw)
}

// showStatusRange is the reverse of parseStatusRange.
func showStatusRange(r *carteiro.StatusRange) string {
	switch {
	case r == nil:
		return ""
	case r.Max == 0:
		return noAnswer
	case r.Min == r.Max:
		return strconv.Itoa(r.Min)
	default:
		return fmt.Sprintf("%dxx", r.Min/100)
	}
}

// minIDDigits is how many digits of an id are enough to look for it.
const minIDDigits = 8

// idRange reads the search for an id or its beginning; nil is no filter.
func (q *query) idRange() *store.IDRange {
	s := strings.ReplaceAll(strings.TrimSpace(q.values.Get(fieldSearch)), "-", "")
	if s == "" {
		return nil
	}
	var r store.IDRange
	if len(s) < minIDDigits || len(s) > 2*len(r.First) || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		q.faults.add(fieldSearch, mustBeginAnID, minIDDigits)
		return nil
	}
	rest := 2*len(r.First) - len(s)
	r.First, _ = carteiro.ParseID(canonical(s + strings.Repeat("0", rest))) // hexadecimal digits, as many as it takes
	r.Last, _ = carteiro.ParseID(canonical(s + strings.Repeat("f", rest)))
	return &r
}

// canonical sets the hyphens of a UUID.
func canonical(digits string) string {
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
}
