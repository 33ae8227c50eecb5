package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/carteiro/carteiro"
	contract "github.com/carteiro/carteiro/api"
	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/signature"
	"github.com/carteiro/carteiro/internal/store"
)

// Secrets of every kind are planted, every operation of the OpenAPI document is called with good and bad input by those
// who may and those who may not, deliveries succeed and fail in several ways, and whatever comes out anywhere is looked
// through. A new operation is called as soon as it is in the document, which it has to be.

// secrets are what was planted, by name.
type secrets struct {
	t      *testing.T
	values map[string]string
}

// plant makes a secret known. It gives it back, for where it is put.
func (s *secrets) plant(name, value string) string {
	s.values[name] = value
	return value
}

// forms are the ways in which a value may show: as it is, and as bytes are commonly written. Of base64 the end is left
// out, which depends on what follows.
func forms(value string) [][]byte {
	all := [][]byte{[]byte(value), []byte(hex.EncodeToString([]byte(value))), []byte(strings.ToUpper(hex.EncodeToString([]byte(value))))}
	for shift := range 3 { // the value may stand behind others
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + value))
		all = append(all, []byte(encoded[4:len(encoded)-4]))
	}
	return all
}

// absent looks for all of them in what came out somewhere.
func (s *secrets) absent(where string, out []byte) {
	s.t.Helper()
	for name, value := range s.values {
		for _, form := range forms(value) {
			if at := bytes.Index(out, form); at >= 0 {
				s.t.Errorf("%s holds the %s: …%q…", where, name, out[max(0, at-60):min(len(out), at+len(form)+20)])
				break
			}
		}
	}
}

// drip is a text that many write to.
type drip struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *drip) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *drip) bytes() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Clone(d.text.Bytes())
}

// leaky is a running server with everything planted.
type leaky struct {
	*running
	secrets
	log, traces drip
	file        string
	ids         map[string]string // of things that there are, by the names of the document's path parameters
	session     string
	answers     map[int]int // by status
}

func TestNoSecretComesOutAnywhere(t *testing.T) {
	l := &leaky{secrets: secrets{t, make(map[string]string)}, file: filepath.Join(t.TempDir(), "carteiro.db"), answers: make(map[int]int)}
	t.Setenv("PLANTED_PASSWORD", l.plant("password of a source", "planted-source-password"))
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20") // milliseconds
	collects := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&l.traces, r.Body)
	}))
	defer collects.Close()
	l.prepareSource()
	key := seal.NewKey()
	l.plant("encryption key", key)
	raw, _ := base64.StdEncoding.DecodeString(key)
	l.plant("encryption key's bytes", string(raw))
	logger := slog.New(slog.NewJSONHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l.running = startLogged(t, logger, func(c *config.Server) {
		c.Database.Database, c.EncryptionKey, c.SourcesFile = "sqlite:"+l.file, key, filepath.Join(filepath.Dir(l.file), "sources.json")
		c.TracesEndpoint, c.DebugListen, c.Dashboard, c.RateLimit = collects.URL, "127.0.0.1:0", true, 0
	})
	l.plant("token", strings.TrimPrefix(l.token, "talq_"))
	l.deliverAll()
	l.signIn()
	l.tryEverything()
	if len(l.answers) < 8 || l.answers[http.StatusOK] < 50 || l.answers[http.StatusUnprocessableEntity] < 30 || l.answers[http.StatusUnauthorized] < 200 {
		t.Errorf("answers by status: %v: most of it was not reached", l.answers)
	}
	l.lookAround()
	l.drain = 10 * time.Second
	l.stop()
	l.lookInside()
}

// prepareSource makes an environment for a source of events, which is configured before the server starts.
func (l *leaky) prepareSource() {
	s, err := app.OpenStore(l.secrets.t.Context(), config.Database{Database: "sqlite:" + l.file}, app.Shared, nil)
	l.must(err)
	now := time.Now()
	environment := carteiro.Environment{ID: new(carteiro.IDSource).New(now), Name: "sources", CreatedAt: now}
	l.must(s.CreateEnvironment(l.secrets.t.Context(), store.CreateEnvironment{Environment: environment, Token: carteiro.Token{
		ID: environment.ID, EnvironmentID: environment.ID, Hash: carteiro.HashToken("none"), CreatedAt: now,
	}}))
	l.must(s.Close())
	sources := `{"sources":[{"name":"calls","kind":"rabbitmq","url":"amqp://127.0.0.1:1/","queue":"q","environment":"sources",` +
		`"username":"carteiro","password_env":"PLANTED_PASSWORD"}]}`
	l.must(os.WriteFile(filepath.Join(filepath.Dir(l.file), "sources.json"), []byte(sources), 0o600))
}

func (l *leaky) must(err error) {
	l.secrets.t.Helper()
	if err != nil {
		l.secrets.t.Fatal(err)
	}
}

// deliverAll makes webhooks with every kind of secret, and has deliveries succeed, be refused, and find nobody.
func (l *leaky) deliverAll() {
	good := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	l.secrets.t.Cleanup(good.Close)
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	l.secrets.t.Cleanup(bad.Close)
	shared := l.plant("former secret", "planted-former-secret")
	private := l.plant("private key", signature.NewPrivateKey())
	hooks := []map[string]any{
		{"webhook_url": good.URL, "webhook_secret": shared, "authorization_scheme": "bearer",
			"authorization_value": l.plant("bearer token", "planted-bearer-token")},
		{"webhook_url": bad.URL, "webhook_secret": private, "signature_scheme": "ed25519", "authorization_scheme": "basic",
			"authorization_value": "planted:" + l.plant("password", "planted-basic-password"), "max_retries": 1},
		{"webhook_url": "http://127.0.0.1:1", "authorization_scheme": "api_key", "max_retries": 1,
			"authorization_value": l.plant("API key", "planted-api-key-value"), "header_style": "both",
			"custom_headers": []any{map[string]string{"key": "X-Auth-Token", "value": l.plant("header", "planted-header-value")}}},
		{"webhook_url": "https" + strings.TrimPrefix(good.URL, "http"), "max_retries": 0, "authorization_scheme": "custom",
			"authorization_value": l.plant("credential", "planted-custom-credential")},
	}
	l.ids = map[string]string{"agent_id": l.agent}
	for _, hook := range hooks {
		hook["name"], hook["events"], hook["timeout"] = "hook", []string{"event_action"}, 5
		id := l.made(http.MethodPost, "/agents/"+l.agent+"/webhooks", hook, http.StatusCreated)
		l.ids["webhook_id"] = cmp.Or(l.ids["webhook_id"], id)
		l.ids["log_id"] = id // the last one; replaced below
	}
	rotate := "/agents/" + l.agent + "/webhooks/" + l.ids["webhook_id"] + "/secret/rotate"
	l.made(http.MethodPost, rotate, map[string]any{"webhook_secret": l.plant("secret", "planted-present-secret")}, http.StatusOK)
	l.publish(nil)
	failing := l.ids["log_id"]
	l.ids["log_id"] = l.firstLog(l.ids["webhook_id"])
	l.firstLog(failing)
	l.ids["campaign_id"] = l.made(http.MethodPost, "/campaigns", map[string]any{"name": "Autumn"}, http.StatusCreated)
}

// made calls the API with JSON, and gives the id of what came of it.
func (l *leaky) made(method, path string, body map[string]any, want int) string {
	l.secrets.t.Helper()
	text, err := json.Marshal(body)
	l.must(err)
	status, id := l.call(method, path, string(text), nil)
	if status != want {
		l.secrets.t.Fatalf("%s %s: %d", method, path, status)
	}
	return id
}

// firstLog waits until a webhook has an attempt that is done, and gives its id.
func (l *leaky) firstLog(webhook string) string {
	l.secrets.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		status, body := l.ask(http.MethodGet, "http://"+l.Addr()+"/api/v1/agents/"+l.agent+"/webhooks/"+webhook+"/logs", "", "Bearer "+l.token, "")
		var page struct{ Data []struct{ ID, Status string } }
		if status == http.StatusOK && json.Unmarshal(body, &page) == nil && len(page.Data) > 0 && page.Data[0].Status != "pending" {
			return page.Data[0].ID
		}
	}
	l.secrets.t.Fatal("no attempt is done")
	return ""
}

// signIn takes a session. Its cookie is a secret from then on, and the answer that sets it the only one that may show it.
func (l *leaky) signIn() {
	request, err := http.NewRequestWithContext(l.secrets.t.Context(), http.MethodPost, "http://"+l.Addr()+"/api/v1/session",
		strings.NewReader(`{"token":"`+l.token+`"}`))
	l.must(err)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	answer, err := http.DefaultTransport.RoundTrip(request)
	l.must(err)
	defer answer.Body.Close()
	for _, cookie := range answer.Cookies() {
		l.session = cookie.Name + "=" + l.plant("session", cookie.Value)
	}
	if l.session == "" {
		l.secrets.t.Fatalf("signing in gave %d and no cookie", answer.StatusCode)
	}
}

// ask makes a request, holds the whole answer against what was planted, and gives it. A stream is read for a moment.
func (l *leaky) ask(method, url, body, authorization, cookie string) (int, []byte) {
	l.secrets.t.Helper()
	ctx, cancel := context.WithTimeout(l.secrets.t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	l.must(err)
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookie != "" {
		request.Header.Del("Authorization")
		request.Header.Set("Cookie", cookie)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	l.must(err)
	defer answer.Body.Close()
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		time.AfterFunc(100*time.Millisecond, cancel)
	}
	text, _ := io.ReadAll(answer.Body) // what a stream gave until then
	whole := text
	for name, values := range answer.Header {
		whole = append(whole, strings.Join(append([]string{"\n" + name}, values...), ": ")...)
	}
	l.absent(method+" "+url+" answered", whole)
	l.answers[answer.StatusCode]++
	return answer.StatusCode, text
}

// hostile are bodies that a call cannot do with, full of secrets.
func (l *leaky) hostile() []string {
	v := l.values
	wrong, err := json.Marshal(map[string]any{
		"name": 7, "webhook_url": "nowhere", "events": []string{v["secret"]}, "webhook_secret": "whsec_!" + v["secret"],
		"signature_scheme": v["secret"], "generate_secret": v["secret"], "header_style": v["secret"], "overlap": v["secret"],
		"authorization_scheme": "bearer", "authorization_value": v["bearer token"] + "\x01", "http_method": v["bearer token"],
		"custom_headers":    []any{map[string]string{"key": "X-Token", "value": v["header"] + "\x01"}, map[string]string{"key": "Host", "value": v["header"]}},
		"payload_templates": map[string]any{"event_action": v["secret"], "other": v["secret"]},
		"token":             v["token"] + "x", "event": v["secret"], "payload": v["secret"], "status": v["secret"], "from": v["secret"],
		"scopes": []string{v["secret"]}, "expires_at": v["secret"], "filter": v["secret"],
	})
	l.must(err)
	return []string{"", `{"webhook_secret":"` + v["secret"] + `",,`, string(wrong), `["` + v["bearer token"] + `"]`}
}

var madeSecret = regexp.MustCompile(`"(?:webhook_secret|token)":"(?:talq_|whsec_|cadm_)?([^"]{20,})"`)

// tryEverything calls each operation of the document as its owner, by the session, and as strangers would, with its
// example and with what it must refuse. What deletes comes last. A secret that an answer tells for the first time, once,
// is looked for in all that comes after it.
func (l *leaky) tryEverything() {
	document, err := openapi3.NewLoader().LoadFromData(contract.OpenAPI)
	l.must(err)
	type call struct {
		method, url string
		op          *openapi3.Operation
	}
	var calls []call
	for path, item := range document.Paths.Map() {
		base := document.Servers[0].URL
		if len(item.Servers) > 0 {
			base = item.Servers[0].URL
		}
		for method, op := range item.Operations() {
			calls = append(calls, call{method, "http://" + l.Addr() + strings.TrimSuffix(base, "/") + l.filled(path), op})
		}
	}
	order := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	slices.SortFunc(calls, func(a, b call) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.method), slices.Index(order, b.method)), strings.Compare(b.url, a.url))
	})
	if len(calls) < 50 {
		l.secrets.t.Fatalf("%d operations only", len(calls))
	}
	for _, c := range calls {
		for _, body := range append(l.hostile(), examples(c.op)...) {
			for _, authorization := range []string{"Bearer talq_" + l.values["bearer token"], "Basic " + l.values["password"], "Bearer " + l.token} {
				_, answer := l.ask(c.method, c.url, body, authorization, "")
				for _, made := range madeSecret.FindAllSubmatch(answer, -1) {
					l.plant(fmt.Sprintf("one made by %s %s (%d)", c.method, c.url, len(l.values)), string(made[1]))
				}
			}
		}
		if !strings.HasSuffix(c.url, "/session") {
			l.ask(c.method, c.url+"?token="+l.values["token"]+"&search="+l.values["secret"]+"&status="+l.values["secret"], "", "", l.session)
		}
	}
}

// filled fills a path with ids of what there is; of anything else there is none.
func (l *leaky) filled(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			parts[i] = cmp.Or(l.ids[strings.TrimSuffix(name, "}")], "01990e54-9d6b-7f00-8f63-3c1f0a5d7b21")
		}
	}
	return strings.Join(parts, "/")
}

// examples are bodies as the document shows them.
func examples(op *openapi3.Operation) (bodies []string) {
	if op.RequestBody == nil {
		return nil
	}
	for _, media := range op.RequestBody.Value.Content {
		for _, example := range media.Examples {
			if text, err := json.Marshal(example.Value.Value); err == nil {
				bodies = append(bodies, string(text))
			}
		}
	}
	return bodies
}

// lookAround asks for everything that is no operation: pages, metrics, profiles.
func (l *leaky) lookAround() {
	api, metrics, debug := "http://"+l.Addr(), "http://"+l.MetricsAddr().String(), "http://"+l.DebugAddr().String()
	for _, url := range []string{
		api + "/", api + "/docs/", api + "/openapi.yaml", api + "/readyz", api + "/nowhere?token=" + l.values["token"], metrics + "/metrics",
		debug + "/debug/pprof/", debug + "/debug/pprof/cmdline", debug + "/debug/pprof/goroutine?debug=1", debug + "/debug/pprof/goroutine?debug=2",
		debug + "/debug/pprof/heap?debug=1", debug + "/debug/flight",
	} {
		if status, text := l.ask(http.MethodGet, url, "", "Bearer "+l.token, ""); len(text) == 0 {
			l.secrets.t.Errorf("%s answered %d and nothing", url, status)
		}
	}
}

// lookInside reads what the server has left: its log, its traces, its files.
func (l *leaky) lookInside() {
	t := l.secrets.t
	log := l.log.bytes()
	for _, line := range []string{`"msg":"request"`, `"level":"WARN"`, `"calls"`} {
		if !bytes.Contains(log, []byte(line)) {
			t.Errorf("the log has no %s: it is not the log", line)
		}
	}
	l.absent("the log", log)
	if traces := l.traces.bytes(); !bytes.Contains(traces, []byte("attempt")) {
		t.Error("there are no traces of attempts")
	} else {
		l.absent("a trace", traces)
	}
	files, err := filepath.Glob(l.file + "*")
	l.must(err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		l.must(err)
		l.absent("the file "+filepath.Base(name), text)
		if name == l.file && !bytes.Contains(text, []byte("Reception")) {
			t.Error("the database holds nothing")
		}
	}
}

// A setting that cannot be used is told without the secret in it.
func TestNoSecretOfASettingIsInAnError(t *testing.T) {
	s := &secrets{t, make(map[string]string)}
	password := s.plant("password of the database", "planted-database-password")
	for name, change := range map[string]func(*config.Server){
		"nobody answers": func(c *config.Server) {
			c.Database.Database = "postgres://carteiro:" + password + "@127.0.0.1:1/carteiro"
		},
		"no such port": func(c *config.Server) {
			c.Database.Database = "postgres://carteiro:" + password + "@127.0.0.1:port/carteiro"
		},
		"an unescaped %": func(c *config.Server) {
			c.Database.Database = "postgres://carteiro:" + password + "%@127.0.0.1/carteiro"
		},
		"an option":           func(c *config.Server) { c.Database.Database = "postgres://127.0.0.1:1/c?user=c&password=" + password },
		"another database":    func(c *config.Server) { c.Database.Database = "mysql://carteiro:" + password + "@127.0.0.1/carteiro" },
		"a key":               func(c *config.Server) { c.EncryptionKey = password },
		"a collector":         func(c *config.Server) { c.TracesEndpoint = "ftp://carteiro:" + password + "@127.0.0.1" },
		"a collector, broken": func(c *config.Server) { c.TracesEndpoint = "http://carteiro:" + password + "%@127.0.0.1" },
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			c := &config.Server{Retention: time.Hour, MaxPayload: 1 << 16, BulkRetryRate: 50}
			c.Database.Database = "sqlite:" + filepath.Join(t.TempDir(), "carteiro.db")
			change(c)
			a, err := app.New(t.Context(), c, "v1.2.3", slog.New(slog.DiscardHandler))
			if err == nil {
				_ = a.Stop(t.Context())
				t.Fatal("it was taken")
			}
			s.absent("the error", []byte(err.Error()))
			s.absent("the name of the database", []byte(app.DatabaseName(c.Database)))
		})
	}
}
