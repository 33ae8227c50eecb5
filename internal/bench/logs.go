package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Logs measures reading the delivery log when it is long.
type Logs struct {
	Database string // empty: a temporary SQLite file
	Filled   bool   // the database was filled by an earlier run, whose entries are read
	Entries  int    // at the webhook that is read
	Others   int    // at others
	Requests int    // of each kind
	Log      io.Writer
}

// LogsReport is what was found.
type LogsReport struct {
	Machine Machine `json:"machine"`
	Entries int     `json:"entries"`
	Others  int     `json:"entries_of_other_webhooks"`
	// Disk is what an entry takes, its event included; 0 when the database is no file.
	Disk     float64   `json:"database_bytes_per_entry,omitempty"`
	Requests int       `json:"requests_of_each_kind"`
	Rows     []LogsRow `json:"rows"`
}

// LogsRow is one kind of request.
type LogsRow struct {
	Name string        `json:"name"`
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
}

// Run fills a store, or takes up one that is filled, and reads it over HTTP.
func (l Logs) Run(ctx context.Context) (*LogsReport, error) {
	s, log, err := l.site(ctx)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	report := &LogsReport{Machine: thisMachine(s.url), Entries: log.entries, Others: log.others, Disk: log.disk, Requests: l.Requests}
	server, err := startServer(ctx, s.url, keepAll)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.stop() }()
	report.Rows, err = log.read(ctx, newLoad(s.token, 1), server, l.Requests)
	return report, err
}

// keepAll keeps the server from deleting what a filled database holds, however old that is by now.
const keepAll = "--retention=87600h"

// site gives a database with a long log.
func (l Logs) site(ctx context.Context) (s *site, log *longLog, err error) {
	if l.Filled {
		s, err = knownSite(ctx, l.Database)
	} else {
		s, err = newSite(ctx, l.Database)
	}
	if err != nil {
		return nil, nil, err
	}
	if !l.Filled {
		f := &filling{site: s, entries: l.Entries, others: l.Others, log: l.Log}
		if err := f.fill(ctx); err != nil {
			s.remove()
			return nil, nil, fmt.Errorf("filling the database: %w", err)
		}
	}
	log = new(longLog)
	err = s.with(ctx, func(db store.Store) error { return log.survey(ctx, db, s) })
	if err != nil {
		s.remove()
		return nil, nil, err
	}
	log.disk = float64(s.bytes()) / float64(log.entries+log.others)
	return s, log, nil
}

// longLog is what there is to be read in a filled database.
type longLog struct {
	owner   store.OwnerRef
	webhook carteiro.ID
	entries int
	others  int
	disk    float64       // bytes of the database, an entry
	middle  carteiro.ID   // the entry half way
	failed  []carteiro.ID // entries that can be retried
}

// survey finds out what a filled database holds.
func (l *longLog) survey(ctx context.Context, db store.Store, s *site) error {
	all := store.ListOwners{EnvironmentID: s.environment, Kind: carteiro.OwnerAgent, Limit: 1000}
	owners, _, err := db.ListOwners(ctx, all)
	if err != nil {
		return err
	}
	if len(owners) == 0 {
		return errors.New("the database holds no delivery log")
	}
	// Benchmarks of deliveries may have registered others since: the agent of the log is the oldest.
	l.owner = store.OwnerRef{EnvironmentID: s.environment, Kind: all.Kind, ID: owners[len(owners)-1].ID}
	for _, owner := range owners {
		webhooks, err := db.ListWebhooks(ctx, store.OwnerRef{EnvironmentID: s.environment, Kind: all.Kind, ID: owner.ID})
		if err != nil {
			return err
		}
		for i, w := range webhooks {
			page, err := db.ListLogs(ctx, store.ListLogs{WebhookID: w.ID, Limit: 1})
			if err != nil {
				return err
			}
			if owner.ID == l.owner.ID && i == 0 {
				l.webhook, l.entries = w.ID, page.Total
			} else {
				l.others += page.Total
			}
		}
	}
	return l.sample(ctx, db)
}

// sample notes entries to be looked up and retried.
func (l *longLog) sample(ctx context.Context, db store.Store) error {
	middle, err := db.ListLogs(ctx, store.ListLogs{WebhookID: l.webhook, Limit: 1, Offset: l.entries / 2})
	if err != nil {
		return err
	}
	failed, err := db.ListLogs(ctx, store.ListLogs{WebhookID: l.webhook, Status: carteiro.StatusFailed, Limit: maxRetried})
	if err != nil {
		return err
	}
	for _, a := range middle.Attempts {
		l.middle = a.ID
	}
	for _, a := range failed.Attempts {
		if a.Number == 1 { // others were retried by an earlier run, and one event cannot be retried twice at once
			l.failed = append(l.failed, a.ID)
		}
	}
	if l.middle.IsZero() || len(l.failed) == 0 {
		return errors.New("the delivery log is too short to be measured: fill it with more entries")
	}
	return nil
}

// maxRetried is how many entries are retried at most.
const maxRetried = 10_000

// warmUp is how many requests of a kind do not count.
const warmUp = 3

// read measures each kind of request.
func (l *longLog) read(ctx context.Context, load *load, server *server, requests int) (rows []LogsRow, err error) {
	base := server.url + "/api/v1/agents/" + l.owner.ID.String() + "/webhooks/" + l.webhook.String() + "/logs"
	from := time.Now().Add(-10*24*time.Hour - 17*time.Minute).UTC().Format(time.RFC3339)
	deep := fmt.Sprintf("?per_page=25&page=%d", max(1, l.entries/50))
	var page struct {
		Pagination struct {
			NextCursor string `json:"next_cursor"`
		}
	}
	if err := load.get(ctx, base+deep, &page); err != nil {
		return nil, err
	}
	list := func(query string) func(int) error {
		return func(int) error { return load.get(ctx, base+query, nil) }
	}
	for _, kind := range []struct {
		name string
		most int
		do   func(i int) error
	}{
		{firstPage, requests, list("")},
		{"first page, status=failed", requests, list("?status=failed")},
		{"first page, one event type", requests, list("?event=" + publishedType)},
		{"first page, failed, of the last ten days", requests, list("?status=failed&from=" + from)},
		{"page 100", requests, list("?page=100")},
		{"the page in the middle", requests, list(deep)},
		{"a cursor in the middle", requests, list("?cursor=" + page.Pagination.NextCursor)},
		{"look-up by id", requests, list("/" + l.middle.String())},
		{manualRetry, len(l.failed) - warmUp, func(i int) error {
			return load.post(ctx, base+"/"+l.failed[i].String()+"/retry", load.header(), nil, nil)
		}},
	} {
		row, err := measureRequests(kind.name, min(requests, kind.most), kind.do)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// The kinds of requests that are shown beside other figures too.
const (
	firstPage   = "first page with exact total"
	manualRetry = "manual retry, durable"
)

// measureRequests makes requests of one kind, one after the other; the first few, which warm it up, do not count.
func measureRequests(name string, n int, do func(i int) error) (LogsRow, error) {
	var all []time.Duration
	for i := range n + warmUp {
		began := time.Now()
		if err := do(i); err != nil {
			return LogsRow{}, err
		}
		if i >= warmUp {
			all = append(all, time.Since(began))
		}
	}
	if len(all) == 0 {
		return LogsRow{}, errors.New("there is nothing to measure: fill the log with more entries")
	}
	slices.Sort(all)
	return LogsRow{Name: name, P50: all[len(all)/2], P99: all[len(all)*99/100]}, nil
}

// Text writes the report for people.
func (r *LogsReport) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%s entries at the webhook, %s at others%s; %d requests of each kind over HTTP, one at a time; %s:\n\n",
		count(r.Entries), count(r.Others), onDisk(" (%s of database an entry)", r.Disk), r.Requests, r.Machine)
	rows := [][]string{{"", "p50", "p99"}}
	for _, row := range r.Rows {
		rows = append(rows, []string{row.Name, inMilliseconds(row.P50), inMilliseconds(row.P99)})
	}
	return table(w, rows)
}
