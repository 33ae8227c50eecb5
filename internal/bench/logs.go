package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"carteiro"
	"carteiro/internal/app"
	"carteiro/internal/config"
	"carteiro/internal/store"
)

// Logs measures reading the delivery log when it is long.
type Logs struct {
	Database string // empty: a temporary SQLite file
	Entries  int    // at the webhook that is read, and as many again at others
	Requests int    // of each kind
	Log      io.Writer
}

// LogsReport is what was found.
type LogsReport struct {
	Entries int       `json:"entries"`
	Rows    []LogsRow `json:"rows"`
}

// LogsRow is one kind of request.
type LogsRow struct {
	Name string        `json:"name"`
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
}

// span is the time over which the entries are spread: all within the default retention.
const span = 29 * 24 * time.Hour

// failEvery is how rare a failed entry is.
const failEvery = 50

// others is how many webhooks share the entries that are not read.
const others = 100

// Run fills a store and reads it over HTTP.
func (l Logs) Run(ctx context.Context) (*LogsReport, error) {
	if l.Database == "" {
		folder, err := os.MkdirTemp("", "carteiro-bench-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		l.Database = "sqlite:" + folder + "/carteiro.db"
	}
	f := &filling{Logs: l, ids: new(carteiro.IDSource)}
	if err := f.fill(ctx); err != nil {
		return nil, fmt.Errorf("filling the store: %w", err)
	}
	server, err := startServer(ctx, l.Database)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.stop() }()
	load := newLoad(f.token, 1)
	base := server.url + "/api/v1/agents/" + f.owner.ID.String() + "/webhooks/" + f.webhooks[0].String() + "/logs"
	return l.read(ctx, load, base, f)
}

// filling is a store being filled.
type filling struct {
	Logs
	ids      *carteiro.IDSource
	token    string
	owner    store.OwnerRef
	webhooks []carteiro.ID // the first is the one that is read
	failed   []carteiro.ID // entries of the first webhook that can be retried
	middle   carteiro.ID   // an entry half way
}

func (f *filling) fill(ctx context.Context) error {
	s, err := app.OpenStore(ctx, config.Database{Database: f.Database}, app.Exclusive)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if err := f.register(ctx, s); err != nil {
		return err
	}
	now := time.Now()
	session, err := s.Join(ctx, store.Join{Node: "bench", Now: now, Until: now.Add(24 * time.Hour)})
	if err != nil {
		return err
	}
	const step = 500 // entries at each, in one transaction
	for done := 0; done < f.Entries; done += step {
		at := now.Add(-span + time.Duration(float64(span)*float64(done)/float64(f.Entries)))
		if err := f.add(ctx, s, session, at, done, min(step, f.Entries-done)); err != nil {
			return err
		}
		if done%(50*step) == 0 {
			_, _ = fmt.Fprintf(f.Log, "\rfilling: %d of %d", done, f.Entries)
		}
	}
	_, _ = fmt.Fprintf(f.Log, "\rfilled: %d entries at one webhook, as many at others\n", f.Entries)
	_, err = s.EndSessions(ctx, store.EndSessions{Session: session, Now: now})
	return err
}

func (f *filling) register(ctx context.Context, s store.Store) error {
	now := time.Now().Add(-span)
	f.token = carteiro.NewTokenSecret()
	environment := carteiro.Environment{ID: f.ids.New(now), Name: "bench", CreatedAt: now}
	token := carteiro.Token{ID: f.ids.New(now), EnvironmentID: environment.ID, Hash: carteiro.HashToken(f.token), CreatedAt: now}
	if err := s.CreateEnvironment(ctx, store.CreateEnvironment{Environment: environment, Token: token}); err != nil {
		return err
	}
	f.owner = store.OwnerRef{EnvironmentID: environment.ID, Kind: carteiro.OwnerAgent, ID: f.ids.New(now)}
	_, _, err := s.PutOwner(ctx, store.PutOwner{Owner: carteiro.Owner{
		Kind: f.owner.Kind, ID: f.owner.ID, EnvironmentID: environment.ID, Name: "bench", CreatedAt: now, UpdatedAt: now,
	}})
	for range 1 + others {
		w := &carteiro.Webhook{
			ID: f.ids.New(now), EnvironmentID: environment.ID, OwnerKind: f.owner.Kind, OwnerID: f.owner.ID, Name: "bench",
			URL: "http://127.0.0.1:9/", Events: []string{"event_action"}, Timeout: carteiro.MinTimeout, Enabled: true,
			HTTPMethod: carteiro.DefaultHTTPMethod, AuthorizationScheme: carteiro.AuthorizationNone,
			CreatedAt: now, UpdatedAt: now, Version: 1,
		}
		f.webhooks = append(f.webhooks, w.ID)
		if err == nil {
			err = s.CreateWebhook(ctx, w)
		}
	}
	return err
}

// add appends finished entries of about the time at: count of them at the webhook that is read, and as many elsewhere.
func (f *filling) add(ctx context.Context, s store.Store, session store.Session, at time.Time, done, count int) error {
	accept := store.Accept{Now: at, Session: session}
	record := store.Record{Session: session, Now: at}
	for i := range count {
		e := &carteiro.Event{
			ID: f.ids.New(at), EnvironmentID: f.owner.EnvironmentID, OwnerKind: f.owner.Kind, OwnerID: f.owner.ID, OwnerName: "bench",
			Type: "event_action", Payload: event(done+i, 300), OccurredAt: at,
		}
		if i%2 == 0 {
			e.Type = "event_recording"
		}
		item := store.AcceptItem{Event: e}
		for j, webhook := range []carteiro.ID{f.webhooks[0], f.webhooks[1+(done+i)%others]} {
			a := store.AcceptAttempt{ID: f.ids.Sibling(e.ID), WebhookID: webhook, Trigger: carteiro.TriggerAutomatic, Held: true}
			item.Attempts = append(item.Attempts, a)
			o := outcome(at, e, (done+i)%failEvery != 0)
			record.Results = append(record.Results, store.Result{Outcome: o, Delivery: &carteiro.Delivery{Event: e, Attempt: carteiro.Attempt{
				ID: a.ID, WebhookID: webhook, EventID: e.ID, EventType: e.Type, Number: 1, ChainStart: 1, Trigger: a.Trigger, DueAt: at,
			}}})
			if j == 0 && !o.Success {
				f.failed = append(f.failed, a.ID)
			}
			if done <= f.Entries/2 {
				f.middle = item.Attempts[0].ID
			}
		}
		accept.Items = append(accept.Items, item)
	}
	if _, err := s.Accept(ctx, accept); err != nil {
		return err
	}
	_, err := s.Record(ctx, record)
	return err
}

func outcome(at time.Time, e *carteiro.Event, success bool) *carteiro.Outcome {
	o := &carteiro.Outcome{
		Success: success, HTTPStatus: http.StatusOK, FinishedAt: at, Duration: 20 * time.Millisecond,
		RequestURL: "http://127.0.0.1:9/", RequestMethod: http.MethodPost, RequestBody: e.Payload, SharedTail: len(e.Payload),
		RequestHeaders:  http.Header{"Content-Type": {"application/json"}, "webhook-id": {e.ID.String()}},
		ResponseHeaders: http.Header{"Content-Type": {"text/plain"}}, ResponseBody: []byte("ok"),
	}
	if !success {
		o.HTTPStatus, o.Reason, o.Error = http.StatusInternalServerError, carteiro.ReasonHTTPStatus, "HTTP 500 Internal Server Error"
	}
	return o
}

// read measures each kind of request.
func (l Logs) read(ctx context.Context, load *load, base string, f *filling) (*LogsReport, error) {
	from := time.Now().Add(-10*24*time.Hour - 17*time.Minute).UTC().Format(time.RFC3339)
	var page struct {
		Pagination struct {
			NextCursor string `json:"next_cursor"`
		}
	}
	deep := fmt.Sprintf("?per_page=25&page=%d", max(1, f.Entries/50))
	if err := load.get(ctx, base+deep, &page); err != nil {
		return nil, err
	}
	report := &LogsReport{Entries: l.Entries}
	retried := 0
	for _, kind := range []struct {
		name string
		do   func() error
	}{
		{"first page with exact total", func() error { return load.get(ctx, base, nil) }},
		{"first page, status=failed", func() error { return load.get(ctx, base+"?status=failed", nil) }},
		{"first page, event=event_action", func() error { return load.get(ctx, base+"?event=event_action", nil) }},
		{"first page, failed, of 10 days", func() error { return load.get(ctx, base+"?status=failed&from="+from, nil) }},
		{"page 100", func() error { return load.get(ctx, base+"?page=100", nil) }},
		{"the page in the middle", func() error { return load.get(ctx, base+deep, nil) }},
		{"a cursor in the middle", func() error { return load.get(ctx, base+"?cursor="+page.Pagination.NextCursor, nil) }},
		{"look-up by id", func() error { return load.get(ctx, base+"/"+f.middle.String(), nil) }},
		{"manual retry", func() error {
			retried++
			return load.post(ctx, base+"/"+f.failed[retried%len(f.failed)].String()+"/retry", load.header(), nil, nil)
		}},
	} {
		requests := l.Requests
		if kind.name == "manual retry" {
			requests = min(requests, len(f.failed)-1)
		}
		row, err := measureRequests(kind.name, requests, kind.do)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
		report.Rows = append(report.Rows, row)
	}
	return report, nil
}

// measureRequests makes requests of one kind, one after the other; the first few, which warm it up, do not count.
func measureRequests(name string, n int, do func() error) (LogsRow, error) {
	const warmUp = 3
	var all []time.Duration
	for i := range n + warmUp {
		began := time.Now()
		if err := do(); err != nil {
			return LogsRow{}, err
		}
		if i >= warmUp {
			all = append(all, time.Since(began))
		}
	}
	if len(all) == 0 {
		return LogsRow{Name: name}, nil
	}
	slices.Sort(all)
	return LogsRow{Name: name, P50: all[len(all)/2], P99: all[len(all)*99/100]}, nil
}

// get sends one request; answer, if not nil, is filled from what comes.
func (l *load) get(ctx context.Context, url string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header = l.header()
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %s: %s", url, response.Status, text)
	case answer != nil:
		return json.Unmarshal(text, answer)
	}
	return nil
}

// Text writes the report for people.
func (r *LogsReport) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%d entries at the webhook, as many at others, over HTTP, one at a time\n\n", r.Entries)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		_, _ = fmt.Fprintf(table, "%s\tp50 %v\tp99 %v\n", row.Name, row.P50.Round(time.Microsecond), row.P99.Round(time.Microsecond))
	}
	return table.Flush()
}
