package carteiro

import "time"

// TimestampLayout is how times are written: RFC 3339 in UTC with six fractional digits.
const TimestampLayout = "2006-01-02T15:04:05.000000Z"

// Timestamp is a time as JSON has it. Unlike a time.Time, it always has six fractional digits.
type Timestamp time.Time

// IsZero is for the omitzero option of encoding/json.
func (t Timestamp) IsZero() bool { return time.Time(t).IsZero() }

// MarshalJSON implements json.Marshaler.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, len(TimestampLayout)+2), '"')
	return append(time.Time(t).UTC().AppendFormat(b, TimestampLayout), '"'), nil
}
