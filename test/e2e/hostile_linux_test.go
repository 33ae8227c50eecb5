package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
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

	"github.com/getkin/kin-openapi/openapi3"

	contract "github.com/carteiro/carteiro/api"
	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// One token against the memory of the server: every route of the contract is attacked with the worst requests that it takes, and
// meanwhile another environment publishes.

const (
	mib = 1 << 20
	// maxRise is how much memory one token may take, in bytes.
	maxRise = 400 * mib
)

// attack is the worst that one token can do with a route. It returns when the server holds what it holds for the attack; until
// release is called, the clients keep it waiting.
type attack func(h *hostile, path string) (release func())

// harmless marks routes that hold nothing for one token.
func harmless(*hostile, string) func() { return func() {} }

// attacks has the attack on each route. Agents stand for the other owners of webhooks, whose routes run the same code.
var attacks = map[string]attack{
	"GET /agents":                                                unread(64, "?per_page=100"),
	"POST /agents":                                               slow(64, names),
	"GET /agents/{agent_id}":                                     unread(64, ""),
	"PUT /agents/{agent_id}":                                     slow(64, names),
	"DELETE /agents/{agent_id}":                                  slow(64, blank(mib)),
	"POST /agents/{agent_id}/events":                             slow(400, largeEvent),
	"GET /agents/{agent_id}/webhooks":                            unread(64, ""),
	"POST /agents/{agent_id}/webhooks":                           each(slow(200, largeWebhook), deepTemplates),
	"GET /agents/{agent_id}/webhooks/{id}":                       unread(200, ""),
	"PUT /agents/{agent_id}/webhooks/{id}":                       slow(200, largeWebhook),
	"DELETE /agents/{agent_id}/webhooks/{id}":                    slow(64, blank(mib)),
	"PATCH /agents/{agent_id}/webhooks/{id}/toggle":              slow(200, blank(0)),
	"POST /agents/{agent_id}/webhooks/{id}/secret/rotate":        slow(64, blank(mib)),
	"POST /agents/{agent_id}/webhooks/{id}/test":                 slow(200, blank(mib)),
	"GET /agents/{agent_id}/webhooks/{id}/logs":                  unread(64, "?per_page=100"),
	"GET /agents/{agent_id}/webhooks/{id}/logs/{log_id}":         unread(200, ""),
	"POST /agents/{agent_id}/webhooks/{id}/logs/{log_id}/retry":  slow(200, blank(mib)),
	"GET /agents/{agent_id}/webhooks/{id}/logs/{log_id}/preview": unread(200, ""),
	"POST /agents/{agent_id}/webhooks/{id}/logs/retry":           slow(64, blank(mib)),
	"GET /agents/{agent_id}/webhooks/{id}/logs/stream":           stream,
	"GET /agents/{agent_id}/webhooks/{id}/deliveries/stream":     stream,
	"POST /agents/{agent_id}/webhooks/{id}/replay":               slow(64, blank(mib)),
	"GET /agents/{agent_id}/webhooks/{id}/retries":               unread(64, "?per_page=100"),
	"GET /agents/{agent_id}/webhooks/{id}/retries/{retry_id}":    unread(64, ""),
	"PATCH /agents/{agent_id}/webhooks/{id}/retries/{retry_id}":  slow(64, blank(mib)),
	"DELETE /agents/{agent_id}/webhooks/{id}/retries/{retry_id}": slow(64, blank(mib)),
	"GET /events":            unread(64, "?per_page=100"),
	"GET /events/{event_id}": unread(200, ""),
	"POST /events/batch":     each(slow(20, fullBatch), slow(20, tinyItems), slow(20, giantItem), slow(5, wideBatch)),
	"POST /cloudevents":      each(slow(20, cloudBatch), slow(200, cloudEvent)),
	"GET /overview":          unread(64, ""),
	"GET /webhooks":          unread(64, "?per_page=100"),
	"GET /session":           unread(64, ""),
	"POST /session":          slow(64, blank(mib)),
	"DELETE /session":        slow(64, blank(mib)),
	"GET /audit":             unread(64, "?per_page=100"),
	"GET /health":            harmless,
	"GET /readyz":            harmless,
	"GET /openapi.yaml":      unread(200, ""),
}

// attackOf returns the name in attacks of a route of the contract; empty for the calls of operators, which no environment's token
// opens.
func attackOf(method, path string) string {
	if strings.HasPrefix(path, "/admin/") {
		return ""
	}
	for _, other := range []string{"/campaigns/{campaign_id}", "/campaigns", "/environment/webhooks"} {
		if rest, ok := strings.CutPrefix(path, other); ok {
			path = map[string]string{"/campaigns/{campaign_id}": "/agents/{agent_id}", "/campaigns": "/agents", "/environment/webhooks": "/agents/{agent_id}/webhooks"}[other] + rest
		}
	}
	return method + " " + strings.ReplaceAll(path, "{webhook_id}", "{id}")
}

func TestEveryRouteIsAttacked(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(contract.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	left := maps.Clone(attacks)
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			name := attackOf(method, path)
			if name != "" && attacks[name] == nil {
				t.Errorf("%s %s: no attack on its memory is known", method, path)
			}
			delete(left, name)
		}
	}
	for name := range left {
		t.Errorf("%s is not in the contract", name)
	}
}

func TestOneTokenCannotTakeTheMemory(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	names := slices.Sorted(maps.Keys(attacks))
	// What puts many events in comes last: their deliveries go on.
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(strings.Count(a, "events"), strings.Count(b, "events")) })
	h.runAll(t, names...)
	h.stop()
}

// The routes that take the most, on PostgreSQL, whose driver copies what is stored.
func TestOneTokenCannotTakeTheMemoryOnPostgres(t *testing.T) {
	t.Parallel()
	h := newHostile(t, "CARTEIRO_DATABASE="+postgrestest.Database(t, ""))
	h.runAll(t, "GET /agents/{agent_id}/webhooks/{id}/logs", "POST /agents/{agent_id}/webhooks", "POST /events/batch")
	h.stop()
}

// hostile is a server with an environment that holds the largest things it may, and another one.
type hostile struct {
	*house
	other       *client.Client // of the other environment
	victim      client.Owner   // there
	receiver    *httptest.Server
	agent, full string         // full has as many webhooks as it may have, with the largest settings
	quiet       string         // an agent without webhooks
	wide        string         // one with as many small ones
	doomed      string         // an agent that may be deleted
	large       client.Webhook // of agent, with large entries in its log
	log, event  string         // one of these
	startup     int            // of the server, in bytes
}

// measuredBinary names a variable: the carteiro that is measured, to compare releases.
const measuredBinary = "MEASURED_BINARY"

// plainBinary returns a carteiro without the race detector, which takes several times the memory.
var plainBinary = sync.OnceValues(func() (string, error) {
	if other := os.Getenv(measuredBinary); other != "" {
		return other, nil
	}
	if !underRace {
		return binary, nil
	}
	to := filepath.Join(filepath.Dir(binary), "carteiro-plain")
	return to, build(to, false)
})

func newHostile(t *testing.T, environ ...string) *hostile {
	t.Helper()
	plain, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{house: newHouseIn(t, environ, "--allow-private-networks", "--rate-limit", "0")}
	h.program = plain
	token := h.environment("other")
	h.start()
	h.startup = h.memory("VmRSS")
	h.other = client.New(h.url, token)
	h.receiver = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("\x01", 16<<10)) // six characters each in JSON
	}))
	t.Cleanup(h.receiver.Close)
	agent, err := h.other.PutAgent(within(t), client.NewID(), "Victim")
	if err != nil {
		t.Fatal(err)
	}
	h.victim = client.AgentOwner(agent.ID)
	h.fill()
	return h
}

// fill makes the largest things that there may be.
func (h *hostile) fill() {
	h.t.Helper()
	for _, agent := range []*string{&h.agent, &h.full, &h.wide, &h.quiet, &h.doomed} {
		*agent = h.newAgent()
	}
	h.large = h.hook(h.agent, map[string]json.RawMessage{callEnded: json.RawMessage(`{"a":"{{d}}","b":"{{d}}","c":"{{d}}"}`)})
	data := strings.Repeat("x", 250<<10)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				if _, err := h.client().Publish(within(h.t), client.Event{Owner: client.AgentOwner(h.agent), Type: callEnded, Payload: map[string]any{"d": data}}); err != nil {
					h.t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for range 50 {
		h.hook(h.full, nil)
		h.webhook(client.AgentOwner(h.wide), h.receiver.URL, 0)
	}
	eventually(h.t, "the log is full", func(ctx context.Context) bool {
		logs, page, err := h.client().ListLogs(ctx, h.large.Owner(), h.large.ID, client.LogFilter{Status: client.StatusSuccess, PerPage: 1})
		if err != nil || page.Total < 100 {
			return false
		}
		h.log, h.event = logs[0].ID, logs[0].EventID
		return true
	})
}

func (h *hostile) newAgent() string {
	h.t.Helper()
	agent, err := h.client().PutAgent(within(h.t), client.NewID(), "Ana")
	if err != nil {
		h.t.Fatal(err)
	}
	return agent.ID
}

// hook makes a webhook with the largest settings that are accepted, but for templates that are given.
func (h *hostile) hook(o string, templates map[string]json.RawMessage) client.Webhook {
	h.t.Helper()
	status, body := 0, []byte(nil)
	for _, size := range []int{900 << 10, 220 << 10, 60 << 10} {
		status, body = h.call("POST", "/agents/"+o+"/webhooks", largestSettings(h.receiver.URL, templates, size))
		if status == http.StatusCreated {
			break
		}
	}
	var made struct{ Data client.Webhook }
	if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
		h.t.Fatalf("%d %.1000s", status, body)
	}
	return made.Data
}

// largestSettings are those of a webhook with the largest headers there may be and templates of so many bytes.
func largestSettings(url string, templates map[string]json.RawMessage, size int) []byte {
	headers := make([]client.Header, 45)
	for i := range headers {
		headers[i] = client.Header{Key: fmt.Sprint("X-Header-", i), Value: strings.Repeat("v", 700)}
	}
	if templates == nil {
		templates = make(map[string]json.RawMessage)
		for name := range agentEvents {
			templates[name] = json.RawMessage(`{"d":"` + strings.Repeat("t", size/len(agentEvents)) + `"}`)
		}
	}
	raw, _ := json.Marshal(map[string]any{
		"name": "Large", "webhook_url": url, "events": []string{callEnded}, "custom_headers": headers, "payload_templates": templates, "max_retries": 0,
	})
	return raw
}

var agentEvents = func() map[string]bool {
	names := make(map[string]bool)
	for _, match := range regexp.MustCompile(`event_(?:phone_call|participant|voicemail|conversation|action|connection|user|client|recording)[a-z_]*`).FindAllString(string(contract.OpenAPI), -1) {
		names[match] = true
	}
	return names
}()

// call makes one request.
func (h *hostile) call(method, path string, body []byte) (status int, answer []byte) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(within(h.t), method, h.url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// memory returns a figure of the process in bytes: VmRSS, or VmHWM for the highest since forgetPeak.
func (h *hostile) memory(figure string) int {
	h.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid))
	if err != nil {
		h.t.Fatal(err)
	}
	match := regexp.MustCompile(figure + `:\s+(\d+) kB`).FindSubmatch(text)
	if match == nil {
		h.t.Fatalf("no %s in %s", figure, text)
	}
	kib, _ := strconv.Atoi(string(match[1]))
	return kib << 10
}

func (h *hostile) forgetPeak() {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", h.cmd.Process.Pid), []byte("5"), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// runAll attacks routes one after another.
func (h *hostile) runAll(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.run(name)
		})
	}
	h.t = t
}

// run attacks a route, and measures.
func (h *hostile) run(name string) {
	h.t.Helper()
	_, path, _ := strings.Cut(name, " ")
	if path == "/agents/{agent_id}/webhooks" && strings.HasPrefix(name, "GET") {
		path = "/agents/" + h.full + "/webhooks"
	}
	for part, value := range map[string]string{"{agent_id}": h.agent, "{id}": h.large.ID, "{log_id}": h.log, "{event_id}": h.event, "{retry_id}": client.NewID()} {
		path = strings.ReplaceAll(path, part, value)
	}
	method, _, _ := strings.Cut(name, " ")
	if method == http.MethodDelete {
		path = strings.NewReplacer(h.agent, h.doomed, h.large.ID, client.NewID()).Replace(path)
	}
	h.forgetPeak()
	begun := time.Now()
	release := attacks[name](h, method+" "+path)
	var longest time.Duration
	for range 10 {
		asked := time.Now()
		if _, err := h.other.Publish(within(h.t), client.Event{Owner: h.victim, Type: callEnded, Payload: map[string]any{}}); err != nil {
			h.t.Errorf("%s: publishing in another environment: %v", name, err)
		}
		longest = max(longest, time.Since(asked))
	}
	release()
	rise := h.memory("VmHWM") - h.startup
	h.t.Logf("%-62s %4d MiB, others wait up to %4d ms (%d s)", name, rise/mib, longest.Milliseconds(), int(time.Since(begun).Seconds()))
	if rise > maxRise {
		h.t.Errorf("%s raises memory by %d MiB", name, rise/mib)
	}
}

// dial opens a connection whose client takes in as little as it can.
func (h *hostile) dial() net.Conn {
	c, err := new(net.Dialer).DialContext(within(h.t), "tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	return c
}

// head returns the beginning of a request whose body has so many bytes.
func (h *hostile) head(request string, size int, headers string) string {
	method, path, _ := strings.Cut(request, " ")
	if path != "/openapi.yaml" {
		path = "/api/v1" + path
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n%s\r\n", method, path, h.token, size, headers)
}

// answered waits for the first byte of a response, or the end of the connection.
func answered(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(2 * patience))
	_, err := c.Read(make([]byte, 1))
	return err
}

// many runs do on n connections at once and returns what closes them.
func (h *hostile) many(n int, do func(net.Conn) error) (closeAll func()) {
	conns := make([]net.Conn, n)
	var all sync.WaitGroup
	for i := range conns {
		conns[i] = h.dial()
		all.Go(func() {
			if err := do(conns[i]); errors.Is(err, os.ErrDeadlineExceeded) {
				h.t.Error("no answer")
			}
		})
	}
	all.Wait()
	return func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// unread asks many times at once and reads nothing of what is answered.
func unread(n int, query string) attack {
	return func(h *hostile, request string) func() {
		return h.many(n, func(c net.Conn) error {
			if _, err := io.WriteString(c, h.head(request+query, 0, "")); err != nil {
				return err
			}
			return answered(c)
		})
	}
}

// content is the body of a request, and headers of it.
type content func(h *hostile) (body []byte, headers string)

// slow sends many bodies at once but for their last bytes, which it sends when it is released. Then it waits for the answers.
func slow(n int, of content) attack {
	return func(h *hostile, request string) func() {
		body, headers := of(h)
		kept := max(0, len(body)-1)
		var mu sync.Mutex
		var open []net.Conn
		closeAll := h.many(n, func(c net.Conn) error {
			_, err := io.WriteString(c, h.head(request, len(body), headers))
			if err == nil {
				_ = c.SetWriteDeadline(time.Now().Add(2 * patience))
				_, err = c.Write(body[:kept])
			}
			if err == nil {
				mu.Lock()
				open = append(open, c)
				mu.Unlock()
			}
			return err
		})
		return func() {
			var all sync.WaitGroup
			for _, c := range open {
				all.Go(func() {
					if _, err := c.Write(body[kept:]); err == nil {
						if errors.Is(answered(c), os.ErrDeadlineExceeded) {
							h.t.Errorf("%s: no answer", request)
						}
					}
				})
			}
			all.Wait()
			closeAll()
		}
	}
}

// each runs several attacks, one after another.
func each(list ...attack) attack {
	return func(h *hostile, request string) func() {
		for _, a := range list[:len(list)-1] {
			a(h, request)()
		}
		return list[len(list)-1](h, request)
	}
}

// deepTemplates makes many webhooks, whose templates take as much memory as possible when they are compiled, and publishes to all of them.
func deepTemplates(h *hostile, _ string) func() {
	const agents, webhooks, rounds = 6, 50, 3
	var arrived sync.WaitGroup
	arrived.Add(agents * webhooks * rounds)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Done() }))
	settings, _ := json.Marshal(map[string]any{
		"name": "Deep", "webhook_url": receiver.URL, "events": []string{callEnded}, "max_retries": 0,
		"payload_templates": map[string]json.RawMessage{callEnded: deepTemplate(0), "event_action": deepTemplate(1), "event_recording": deepTemplate(2)},
	})
	owners := make([]string, agents)
	for i := range owners {
		owners[i] = h.newAgent()
		for range webhooks {
			if status, body := h.call("POST", "/agents/"+owners[i]+"/webhooks", settings); status != http.StatusCreated {
				h.t.Fatalf("%d %.1000s", status, body)
			}
		}
	}
	for range rounds {
		for _, o := range owners {
			if _, err := h.client().Publish(within(h.t), client.Event{Owner: client.AgentOwner(o), Type: callEnded, Payload: map[string]any{}}); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	return func() {
		arrived.Wait()
		receiver.Close()
	}
}

// deepTemplate is as large as a template may be, and has as many nodes in its paths as it can have.
func deepTemplate(n int) json.RawMessage {
	var text strings.Builder
	for i := 0; text.Len() < 64<<10-200; i++ {
		fmt.Fprintf(&text, "{{%d%s}}", i, strings.Repeat(fmt.Sprint(".", n), 63))
	}
	return json.RawMessage(`{"d":"` + text.String() + `"}`)
}

// stream opens as many streams as there may be, which tell all that happened, and reads nothing of them.
func stream(h *hostile, request string) func() {
	return h.many(40, func(c net.Conn) error {
		since := fmt.Sprintf("Last-Event-ID: %d\r\n", time.Now().Add(-time.Hour).UnixMicro())
		if _, err := io.WriteString(c, h.head(request, 0, since)); err != nil {
			return err
		}
		return answered(c)
	})
}

func blank(n int) content {
	return func(*hostile) ([]byte, string) {
		body := bytes.Repeat([]byte(" "), n)
		if n > 2 {
			copy(body[n-2:], "{}")
		}
		return body, ""
	}
}

func names(*hostile) ([]byte, string) {
	return []byte(`{"name":"` + strings.Repeat("n", 255) + `","more":"` + strings.Repeat("m", mib-1000) + `"}`), ""
}

func largeEvent(*hostile) ([]byte, string) {
	return []byte(`{"event":"` + callEnded + `","payload":{"d":"` + strings.Repeat("x", 255<<10) + `"}}`), ""
}

func largeWebhook(h *hostile) ([]byte, string) {
	return largestSettings(h.receiver.URL, nil, 900<<10), ""
}

// item is an event of a batch with a text of so many bytes.
func item(agent string, size int) string {
	return fmt.Sprintf(`{"agent_id":%q,"event":%q,"payload":{"d":%q}}`, agent, callEnded, strings.Repeat("x", size))
}

// fullBatch has as many events as there may be, and is as large as it may be.
func fullBatch(h *hostile) ([]byte, string) {
	return []byte("[" + strings.Repeat(item(h.quiet, 62<<10)+",", 980) + strings.TrimSuffix(strings.Repeat(item(h.full, 62<<10)+",", 20), ",") + "]"), ""
}

func tinyItems(*hostile) ([]byte, string) {
	return []byte("[" + strings.Repeat("{},", 20*mib) + "{}]"), ""
}

func giantItem(h *hostile) ([]byte, string) { return []byte("[" + item(h.full, 62*mib) + "]"), "" }

// wideBatch has few bytes for many webhooks.
func wideBatch(h *hostile) ([]byte, string) {
	return []byte("[" + strings.TrimSuffix(strings.Repeat(item(h.wide, 1)+",", 200), ",") + "]"), ""
}

func cloud(agent string, id, size int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"%d-%s","source":"/e2e","type":%q,"agentid":%q,"data":{"d":%q}}`, id, client.NewID(), callEnded, agent, strings.Repeat("x", size))
}

func cloudBatch(h *hostile) ([]byte, string) {
	items := make([]string, 1000)
	for i := range items {
		items[i] = cloud(h.quiet, i, 62<<10)
	}
	return []byte("[" + strings.Join(items, ",") + "]"), "Content-Type: application/cloudevents-batch+json\r\n"
}

func cloudEvent(h *hostile) ([]byte, string) {
	return []byte(cloud(h.quiet, 0, 255<<10)), "Content-Type: application/cloudevents+json\r\n"
}
