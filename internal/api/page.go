package api

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carteiro/carteiro"
)

// Bounds of pages. maxPage keeps what is skipped well inside an int.
const (
	maxPerPage      = 100
	maxPage         = 1_000_000_000
	defaultOwners   = 20
	defaultLogs     = 25
	maxQueryText    = 255
	maxCursorLength = 64
)

// page says where a page stands in its list.
type page struct {
	CurrentPage int `json:"current_page"`
	PerPage     int `json:"per_page"`
	Total       int `json:"total"`
	// TotalIsLowerBound says that there are more.
	TotalIsLowerBound bool   `json:"total_is_lower_bound,omitempty"`
	LastPage          int    `json:"last_page"`
	NextCursor        string `json:"next_cursor,omitempty"`
}

func (p *page) offset() int { return (p.CurrentPage - 1) * p.PerPage }

// setTotal fills in what is known once the list was read.
func (p *page) setTotal(total int) {
	p.Total = total
	p.LastPage = max(1, (total+p.PerPage-1)/p.PerPage)
}

// query is the parameters behind a path. As in forms, an empty value is none. Of a parameter that is given several
// times the first counts.
type query struct {
	values url.Values
	faults faults
}

func (r *request) query() *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.faults.add(fieldQuery, hasInvalidFormat)
	}
	return q
}

// page reads page and per_page.
func (q *query) page(perPage int) *page {
	p := &page{CurrentPage: 1, PerPage: perPage}
	q.integer(&p.CurrentPage, fieldPage, maxPage)
	q.integer(&p.PerPage, fieldPerPage, maxPerPage)
	return p
}

func (q *query) integer(into *int, name string, most int) {
	s := q.values.Get(name)
	if s == "" {
		return
	}
	n, ok := wholeText(s)
	switch {
	case !ok:
		q.faults.add(name, mustBeInteger)
	case n < 1 || n > most:
		q.faults.add(name, mustBeBetween, 1, most)
	default:
		*into = n
	}
}

// wholeText reads an integer; one that does not fit gives the greatest or least that does.
func wholeText(s string) (int, bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.Atoi(s)
	return n, true
}

func (q *query) text(name string) string {
	s := q.values.Get(name)
	switch {
	case !utf8.ValidString(s), strings.IndexByte(s, 0) >= 0:
		q.faults.add(name, hasInvalidFormat)
	case utf8.RuneCountInString(s) > maxQueryText:
		q.faults.add(name, mustNotBeLonger, maxQueryText)
	default:
		return s
	}
	return ""
}

// boolean reads true or false; nil if neither is asked for.
func (q *query) boolean(name string) *bool {
	switch q.values.Get(name) {
	case "":
	case "true", "1":
		return new(true)
	case "false", "0":
		return new(false)
	default:
		q.faults.add(name, mustBeBoolean)
	}
	return nil
}

func (q *query) id(name string) (id carteiro.ID) {
	s := q.values.Get(name)
	if s == "" {
		return id
	}
	id, err := carteiro.ParseID(s)
	if err != nil || id.IsZero() {
		q.faults.add(name, mustBeUUID)
	}
	return id
}

// time reads a time in any offset. A plus sign that was not escaped has become a space on its way.
func (q *query) time(name string) (t time.Time) {
	s := q.values.Get(name)
	if s == "" {
		return t
	}
	t, ok := parseTime(s)
	if !ok {
		t, ok = parseTime(strings.Replace(s, " ", "+", 1))
	}
	if !ok {
		q.faults.add(name, mustBeTime)
	}
	return t
}

// rfc3339 is what package time takes too much for: RFC 3339 has letters of either case, and no comma.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime reads RFC 3339 strictly, of the years that can be written in it in UTC, to the microsecond.
func parseTime(s string) (time.Time, bool) {
	if !rfc3339.MatchString(s) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil {
		return time.Time{}, false
	}
	t = t.UTC().Truncate(time.Microsecond)
	return t, t.Year() >= 1 && t.Year() <= 9999
}
