package layout

import (
	"bytes"
	"time"

	"github.com/carteiro/carteiro"
)

const milliAnHour = 3_600_000

// HourOf is the hour since 1970 that an id was made in: the grain of the table counts.
func HourOf(id carteiro.ID) int64 {
	var milli int64
	for _, b := range id[:6] {
		milli = milli<<8 | int64(b)
	}
	return milli / milliAnHour
}

// StartOfHour is the least id of an hour since 1970.
func StartOfHour(hour int64) carteiro.ID { return carteiro.MinID(time.UnixMilli(hour * milliAnHour)) }

// CompareIDs orders ids as the databases do: by the time they were made at.
func CompareIDs(a, b carteiro.ID) int { return bytes.Compare(a[:], b[:]) }

// Less says whether an id comes before another.
func Less(a, b carteiro.ID) bool { return CompareIDs(a, b) < 0 }

// Following is the least id that is greater.
func Following(id carteiro.ID) carteiro.ID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return id
}

// EndOfTime is greater than every id that a source makes.
var EndOfTime = carteiro.ID(bytes.Repeat([]byte{0xff}, 16))

// Span is the ids from one up to, but without, another.
type Span struct{ From, To carteiro.ID }

// SpanOf is the span of what is made from a time up to, but without, another. A zero time is no bound.
func SpanOf(from, to time.Time) Span {
	s := Span{To: EndOfTime}
	if !from.IsZero() {
		s.From = carteiro.MinID(from)
	}
	if !to.IsZero() {
		s.To = carteiro.MinID(to)
	}
	return s
}

// Unbounded says whether every id lies in the span.
func (s Span) Unbounded() bool { return s == Span{To: EndOfTime} }

// Empty says whether no id lies in the span.
func (s Span) Empty() bool { return !Less(s.From, s.To) }

// Cut gives the part of the span that lies in an hour since 1970, and whether that is the whole hour.
func (s Span) Cut(hour int64) (part Span, whole bool) {
	part = Span{StartOfHour(hour), StartOfHour(hour + 1)}
	whole = !Less(part.From, s.From) && !Less(s.To, part.To)
	if Less(part.From, s.From) {
		part.From = s.From
	}
	if Less(s.To, part.To) {
		part.To = s.To
	}
	return part, whole
}
