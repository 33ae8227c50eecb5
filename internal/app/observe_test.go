package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/store"
)

// running is a whole server with an environment and an agent.
type running struct {
	*app.App
	t            *testing.T
	token, agent string
	drain        time.Duration // how long stop waits; what hangs longer is given up
	stop         func()
	environment  carteiro.ID
}

func startApp(t *testing.T, change func(*config.Server)) *running {
	t.Helper()
	return startLogged(t, slog.New(slog.DiscardHandler), change)
}

func startLogged(t *testing.T, logger *slog.Logger, change func(*config.Server)) *running {
	t.Helper()
	c := &config.Server{
		Listen: "127.0.0.1:0", MetricsListen: "127.0.0.1:0", Retention: time.Hour, RateLimit: 60, MaxPayload: 1 << 16,
		BulkRetryRate: 50, AllowPrivateNetworks: true, RetrySchedule: config.RetrySchedule{time.Millisecond},
	}
	c.Database.Database = "sqlite:" + filepath.Join(t.TempDir(), "carteiro.db")
	change(c)
	a, err := app.New(t.Context(), c, "v1.2.3", logger)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{App: a, t: t, token: carteiro.NewTokenSecret(), drain: time.Millisecond}
	r.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), r.drain)
		defer cancel()
		_ = a.Stop(ctx)
	})
	t.Cleanup(r.stop)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids, now := new(carteiro.IDSource), time.Now()
	r.environment = ids.New(now)
	err = a.Store().CreateEnvironment(t.Context(), store.CreateEnvironment{
		Environment: carteiro.Environment{ID: r.environment, Name: "test", CreatedAt: now},
		Token:       carteiro.Token{ID: ids.New(now), EnvironmentID: r.environment, Hash: carteiro.HashToken(r.token), CreatedAt: now, Scopes: carteiro.ScopeAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.agent = ids.New(now).String()
	r.call(http.MethodPut, "/agents/"+r.agent, `{"name":"Reception"}`, nil)
	return r
}

// call asks the API, and gives the status and the id of what was made.
func (r *running) call(method, path, body string, header http.Header) (status int, id string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.Addr()+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	request.Header.Set("Authorization", "Bearer "+r.token)
	request.Header.Set("Content-Type", "application/json")
	answer := fetch(r.t, request)
	var made struct{ Data struct{ ID string } }
	_ = json.Unmarshal(answer.body, &made) // lists have another shape
	if answer.status == http.StatusUnprocessableEntity {
		r.t.Logf("%s", answer.body)
	}
	return answer.status, made.Data.ID
}

func (r *running) webhook(url string, retries int) string {
	r.t.Helper()
	body := fmt.Sprintf(`{"name":"hook","webhook_url":%q,"events":["event_action"],"max_retries":%d,"timeout":5}`, url, retries)
	status, id := r.call(http.MethodPost, "/agents/"+r.agent+"/webhooks", body, nil)
	if status != http.StatusCreated {
		r.t.Fatalf("webhook: %d", status)
	}
	return id
}

const someEvent = `{"event":"event_action","payload":{"n":1}}`

func (r *running) publish(header http.Header) {
	r.t.Helper()
	if status, _ := r.call(http.MethodPost, "/agents/"+r.agent+"/events", someEvent, header); status != http.StatusAccepted {
		r.t.Fatalf("publish: %d", status)
	}
}

type fetched struct {
	status int
	body   []byte
}

func fetch(t *testing.T, request *http.Request) fetched {
	t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fetched{answer.StatusCode, body}
}

func get(t *testing.T, url string) fetched {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return fetch(t, request)
}

// scrape gives each sample's name with the sum of its values, and the labels that were seen.
func (r *running) scrape() (sums map[string]float64, text string) {
	r.t.Helper()
	answer := get(r.t, "http://"+r.MetricsAddr().String()+"/metrics")
	sums = make(map[string]float64)
	for lines := bufio.NewScanner(bytes.NewReader(answer.body)); lines.Scan(); {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		name, _, _ := strings.Cut(line[:at], "{")
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
		sums[name] += value
	}
	return sums, string(answer.body)
}

var metricName = regexp.MustCompile(`\b(?:carteiro|go|process)_[a-z_]+\b`)

// used gives the metrics that dashboard and alerts ask for.
func used(t *testing.T) []string {
	t.Helper()
	names := make(map[string]bool)
	for _, file := range []string{"grafana/carteiro.json", "prometheus/alerts.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "title") || strings.Contains(line, "description") {
				continue
			}
			for _, name := range metricName.FindAllString(line, -1) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// constant are the metrics that say something by being there.
var constant = []string{"carteiro_build_info", "carteiro_store_up"}

// troubles are the metrics that stay at 0 unless the database or the egress proxy fails for a while; package metrics tests them.
var troubles = []string{"carteiro_outcomes_refused", "carteiro_sending_paused", "carteiro_egress_proxy_down"}

func TestEveryMetricOfTheDashboardAndTheAlertsMoves(t *testing.T) {
	release := make(chan struct{})
	receivers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hangs":
			<-release
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/fails":
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer receivers.Close()
	change, put := fromBroker(t)
	r := startApp(t, change)
	defer close(release)
	before, _ := r.scrape()
	names := used(t)
	if len(names) < 20 {
		t.Fatalf("only %v are used", names)
	}
	put()
	r.webhook(receivers.URL+"/well", 0)
	r.webhook(receivers.URL+"/fails", 1)
	r.webhook(receivers.URL+"/hangs", 0)
	r.webhook(receivers.URL+"/gone", 0)
	for range 12 {
		r.publish(nil)
	}
	r.call(http.MethodPost, "/agents/"+r.agent+"/events", `{"event":"event_action"}`, nil) // no payload
	for range 80 {                                                                         // beyond the rate limit
		r.call(http.MethodGet, "/agents", "", nil)
	}
	expired, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_ = r.Store().Ping(expired) // a fault of the store
	moved := make(map[string]bool)
	look := func() (left []string) {
		sums, _ := r.scrape()
		for _, name := range names {
			moved[name] = moved[name] || sums[name] != before[name] || slices.Contains(constant, name) && sums[name] == 1
			if !moved[name] && !slices.Contains(troubles, name) {
				left = append(left, name)
			}
		}
		return left
	}
	look()
	// The lease is taken away while attempts are in flight; they end afterwards, by their timeout.
	if _, err := r.Store().EndSessions(t.Context(), store.EndSessions{Now: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(time.Minute); ; {
		left := look()
		if len(left) == 0 {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("these never moved: %v", left)
		}
	}
}

func TestEveryMetricOfOursIsDescribed(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	change, _ := fromBroker(t)
	r := startApp(t, change)
	_, text := r.scrape()
	served := regexp.MustCompile(`(?m)^# TYPE (carteiro_\w+) (\w+)$`).FindAllStringSubmatch(text, -1)
	described := regexp.MustCompile("(?m)^\\| `(carteiro_\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(string(page), -1)
	list := func(all [][]string) (pairs []string) {
		for _, m := range all {
			pairs = append(pairs, m[1]+" "+m[2])
		}
		slices.Sort(pairs)
		return pairs
	}
	if got, want := list(described), list(served); !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("docs/metrics.md describes\n%v\nand these are served\n%v", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLabelsHoldNothingThatUsersChoose(t *testing.T) {
	receiver := httptest.NewServer(http.NotFoundHandler())
	defer receiver.Close()
	r := startApp(t, func(*config.Server) {})
	webhook := r.webhook(receiver.URL, 0)
	r.publish(nil)
	r.call(http.MethodGet, "/no/such/path", "", nil)
	_, text := r.scrape()
	for _, chosen := range []string{r.agent, webhook, r.environment.String(), r.token, "no/such/path", receiver.URL} {
		if strings.Contains(text, chosen) {
			t.Errorf("%s stands in the metrics", chosen)
		}
	}
}

func TestTheDebugPortServesProfilesAndTheFlightRecorder(t *testing.T) {
	r := startApp(t, func(c *config.Server) { c.DebugListen = "127.0.0.1:0" })
	for path, begin := range map[string]string{"/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/flight": "go 1."} {
		answer := get(t, "http://"+r.DebugAddr().String()+path)
		if answer.status != http.StatusOK || !bytes.HasPrefix(answer.body, []byte(begin)) {
			t.Errorf("%s: %d, %.40q", path, answer.status, answer.body)
		}
	}
	off := startApp(t, func(c *config.Server) { c.MetricsListen = "" })
	if off.MetricsAddr() != nil || off.DebugAddr() != nil {
		t.Errorf("served all the same: %v, %v", off.MetricsAddr(), off.DebugAddr())
	}
	busy := startApp(t, func(c *config.Server) { c.MetricsListen = r.MetricsAddr().String() })
	if busy.MetricsAddr() != nil {
		t.Errorf("metrics on a port that is taken: %v", busy.MetricsAddr())
	}
}

const (
	publisherTrace = "0af7651916cd43dd8448eb211c80319c"
	publisherSpan  = "b7ad6b7169203331"
	publisherSays  = "00-" + publisherTrace + "-" + publisherSpan + "-01"
)

func TestATraceLeadsFromThePublisherThroughEachAttemptToTheReceiver(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20") // milliseconds
	got := make(chan *spans.Span, 100)
	collects := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var batch collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &batch); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		for _, resource := range batch.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					got <- span
				}
			}
		}
	}))
	defer collects.Close()
	told := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("Traceparent")
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer receiver.Close()
	r := startApp(t, func(c *config.Server) { c.TracesEndpoint = collects.URL })
	r.webhook(receiver.URL, 1)
	r.publish(http.Header{"Traceparent": {publisherSays}})
	first, second := <-told, <-told
	byName := make(map[string][]*spans.Span)
	for range 3 {
		select {
		case span := <-got:
			byName[span.GetName()] = append(byName[span.GetName()], span)
		case <-time.After(30 * time.Second):
			t.Fatalf("spans: %v", byName)
		}
	}
	if len(byName["publish"]) != 1 || len(byName["attempt"]) != 2 {
		t.Fatalf("spans: %v", byName)
	}
	published := byName["publish"][0]
	if parent := fmt.Sprintf("%x", published.GetParentSpanId()); parent != publisherSpan {
		t.Errorf("publish is a child of %s", parent)
	}
	for i, attempt := range byName["attempt"] {
		if !bytes.Equal(attempt.GetParentSpanId(), published.GetSpanId()) {
			t.Errorf("attempt %d is a child of %x, not of %x", i+1, attempt.GetParentSpanId(), published.GetSpanId())
		}
		want := fmt.Sprintf("00-%x-%x-01", attempt.GetTraceId(), attempt.GetSpanId())
		if !strings.Contains(want, publisherTrace) || want != first && want != second {
			t.Errorf("the receiver was told %s and %s, not %s", first, second, want)
		}
	}
	if first == second {
		t.Errorf("both attempts are %s", first)
	}
}

func TestWithoutACollectorThePublishersTraceGoesOnAsItCame(t *testing.T) {
	told := make(chan http.Header, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.Header }))
	defer receiver.Close()
	r := startApp(t, func(*config.Server) {})
	r.webhook(receiver.URL, 0)
	for said, want := range map[string]string{
		publisherSays: publisherSays, "": "", "00-nonsense": "", strings.ToUpper(publisherSays): "",
		"00-" + strings.Repeat("0", 32) + "-" + publisherSpan + "-01": "",
	} {
		r.publish(http.Header{"Traceparent": {said}})
		if got := (<-told).Get("Traceparent"); got != want {
			t.Errorf("publisher said %q: receiver was told %q, want %q", said, got, want)
		}
	}
}

// Events that come in one call, as those of CloudEvents and of brokers do, each keep the trace that they began in.
func TestEventsOfOneCallKeepTheTracesThatTheyBeganIn(t *testing.T) {
	collects := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collects.Close()
	told := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.Header.Get("Traceparent") }))
	defer receiver.Close()
	r := startApp(t, func(c *config.Server) { c.TracesEndpoint = collects.URL })
	r.webhook(receiver.URL, 0)
	other := strings.Replace(publisherSays, "0af7", "1bf7", 1)
	event := func(id, more string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"/s","type":"event_action","agentid":"` + r.agent + `","data":{}` + more + `}`
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.Addr()+"/api/v1/cloudevents",
		strings.NewReader("["+event("1", "")+","+event("2", `,"traceparent":"`+other+`"`)+","+event("3", `,"traceparent":"00-x"`)+"]"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{
		"Authorization": {"Bearer " + r.token}, "Content-Type": {"application/cloudevents-batch+json"}, "Traceparent": {publisherSays},
	}
	if answer := fetch(t, request); answer.status != http.StatusAccepted {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	traces := make(map[string]int)
	for range 3 {
		traces[strings.Split(<-told, "-")[1]]++
	}
	if traces[publisherTrace] != 2 || traces[strings.Split(other, "-")[1]] != 1 {
		t.Errorf("receivers are told the traces %v", traces)
	}
}
