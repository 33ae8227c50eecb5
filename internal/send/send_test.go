package send_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/send"
)

var (
	ids  carteiro.IDSource
	noon = time.Date(2025, 9, 3, 12, 0, 0, 0, time.UTC)
)

// webhook is one that sends to url as the contract's defaults have it.
func webhook(url string) *carteiro.Webhook {
	return &carteiro.Webhook{
		ID: ids.New(noon), OwnerKind: carteiro.OwnerAgent, OwnerID: ids.New(noon),
		Name: "CRM", URL: url, HTTPMethod: "POST", Timeout: carteiro.DefaultTimeout, Enabled: true,
		AuthorizationScheme: carteiro.AuthorizationNone,
	}
}

func delivery(w *carteiro.Webhook, payload string) *carteiro.Delivery {
	event := &carteiro.Event{
		ID: ids.New(noon), OwnerKind: carteiro.OwnerAgent, OwnerID: w.OwnerID, OwnerName: "Ana",
		Type: "event_phone_call_ended", Payload: []byte(payload), OccurredAt: noon,
	}
	return &carteiro.Delivery{Event: event, Attempt: carteiro.Attempt{
		ID: ids.Sibling(event.ID), WebhookID: w.ID, EventID: event.ID, EventType: event.Type, Number: 2, ChainStart: 1,
	}}
}

// open is a sender that may dial anything.
func open(t *testing.T) *send.Sender {
	t.Helper()
	s := send.New(egress.New(true), "1.2.3")
	t.Cleanup(s.Close)
	return s
}

// received is what a receiver got.
type received struct {
	*http.Request
	body []byte
}

// receiver answers with handle and keeps what it got.
func receiver(t *testing.T, handle http.HandlerFunc) (url string, got func() received) {
	t.Helper()
	requests := make(chan received, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- received{r, body}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() received { return <-requests }
}

func ok(http.ResponseWriter, *http.Request) {}

func TestARequestIsAsTheContractHasIt(t *testing.T) {
	url, got := receiver(t, ok)
	w := webhook(url + "/hook?tenant=7")
	d := delivery(w, `{"call":{"id":"c1"},"event":"mine"}`)
	o := open(t).Send(t.Context(), send.Compile(w), d)
	r := got()
	if !o.Success || o.HTTPStatus != 200 || o.Error != "" || o.Duration <= 0 {
		t.Errorf("outcome %+v", o)
	}
	if r.Method != "POST" || r.URL.String() != "/hook?tenant=7" {
		t.Errorf("%s %s", r.Method, r.URL)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "Carteiro/1.2.3", "Webhook-Id": d.EventID.String(),
		"X-Webhook-Event": "event_phone_call_ended", "X-Webhook-Attempt": "2", "X-Webhook-Log-Id": d.ID.String(),
		"Webhook-Signature": "", "X-Webhook-Signature": "", "Authorization": "", "Accept-Encoding": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var body map[string]any
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"event": "event_phone_call_ended", "agent_id": w.OwnerID.String(), "agent_name": "Ana",
		"webhook_id": w.ID.String(), "webhook_name": "CRM", "timestamp": "2025-09-03T12:00:00.000000Z",
	} {
		if body[name] != want {
			t.Errorf("body's %s: %v, want %v", name, body[name], want)
		}
	}
	if string(o.RequestBody) != string(r.body) {
		t.Errorf("logged body %s differs from what was sent %s", o.RequestBody, r.body)
	}
}

func TestReceiversVerifyWithTheStandardLibrary(t *testing.T) {
	url, got := receiver(t, ok)
	w := webhook(url)
	w.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	open(t).Send(t.Context(), send.Compile(w), delivery(w, `{"n":1}`))
	r := got()
	verifier, err := standardwebhooks.NewWebhook(w.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(r.body, r.Header); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(r.Header.Get("X-Webhook-Signature"), "sha256=") {
		t.Errorf("plain signature %q", r.Header.Get("X-Webhook-Signature"))
	}
}

func TestCredentialsAreSentInClearAndLoggedMasked(t *testing.T) {
	for name, c := range map[string]struct {
		scheme              carteiro.AuthorizationScheme
		value, header, want string
		logged              string
	}{
		"bearer":  {carteiro.AuthorizationBearer, "hunter2", "Authorization", "Bearer hunter2", "Bearer ********"},
		"basic":   {carteiro.AuthorizationBasic, "me:hunter2", "Authorization", "Basic bWU6aHVudGVyMg==", "Basic ********"},
		"api key": {carteiro.AuthorizationAPIKey, "hunter2", "X-Api-Key", "hunter2", "********"},
		"custom":  {carteiro.AuthorizationCustom, "Token hunter2", "Authorization", "Token hunter2", "********"},
	} {
		url, got := receiver(t, ok)
		w := webhook(url)
		w.AuthorizationScheme, w.AuthorizationValue = c.scheme, c.value
		w.CustomHeaders = []carteiro.Header{{Key: "x-session-token", Value: "s3cret"}, {Key: "X-Tenant", Value: "acme"}}
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		r := got()
		if r.Header.Get(c.header) != c.want || r.Header.Get("X-Session-Token") != "s3cret" || r.Header.Get("X-Tenant") != "acme" {
			t.Errorf("%s: sent %v", name, r.Header)
		}
		logged := o.RequestHeaders
		if logged.Get(c.header) != c.logged || logged.Get("X-Session-Token") != carteiro.Masked || logged.Get("X-Tenant") != "acme" {
			t.Errorf("%s: logged %v", name, logged)
		}
	}
}

func TestEveryAnswerButASuccessIsAFailure(t *testing.T) {
	for status, want := range map[int]string{
		200: "", 201: "", 204: "", 299: "",
		301: "HTTP 301 Moved Permanently", 302: "HTTP 302 Found", 304: "HTTP 304 Not Modified", 307: "HTTP 307 Temporary Redirect",
		400: "HTTP 400 Bad Request", 404: "HTTP 404 Not Found", 410: "HTTP 410 Gone", 429: "HTTP 429 Too Many Requests",
		500: "HTTP 500 Internal Server Error", 599: "HTTP 599",
	} {
		url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.WriteHeader(status)
		})
		w := webhook(url)
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success != (want == "") || o.Error != want || o.HTTPStatus != status {
			t.Errorf("%d: %+v", status, o)
		}
	}
}

func TestRetryAfterIsReadWhereItMeansSomething(t *testing.T) {
	inAnHour := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for name, c := range map[string]struct {
		status   int
		header   string
		min, max time.Duration
	}{
		"seconds":                    {429, "120", 2 * time.Minute, 2 * time.Minute},
		"a date":                     {503, inAnHour, 59 * time.Minute, time.Hour},
		"a date that is over":        {503, "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0},
		"nonsense":                   {503, "soon", 0, 0},
		"negative":                   {503, "-5", 0, 0},
		"2^31 and more":              {503, "2147483648", 24 * time.Hour, math.MaxInt64},
		"more than 64 bits":          {503, "99999999999999999999", 24 * time.Hour, math.MaxInt64},
		"not with another status":    {500, "120", 0, 0},
		"nor with none of it at all": {429, "", 0, 0},
	} {
		url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.header)
			w.WriteHeader(c.status)
		})
		w := webhook(url)
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.RetryAfter < c.min || o.RetryAfter > c.max {
			t.Errorf("%s: %v, want %v to %v", name, o.RetryAfter, c.min, c.max)
		}
	}
}

func TestTheAnswersBodyIsBoundedInBytes(t *testing.T) {
	url, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 32<<10)); err != nil || r.Context().Err() != nil {
				return
			}
		}
	})
	w := webhook(url)
	o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
	if !o.Success || !o.ResponseTruncated || len(o.ResponseBody) != 16<<10 {
		t.Errorf("success %v, truncated %v, %d bytes", o.Success, o.ResponseTruncated, len(o.ResponseBody))
	}
}

func TestTheTimeoutCoversTheAnswersBodyToo(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a body that does not end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("drip"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		url, _ := receiver(t, handle)
		w := webhook(url)
		w.Timeout = 30 * time.Millisecond
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success || o.Error != "Connection timeout" || o.Reason != carteiro.ReasonTimeout {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestFailuresBelowHTTPAreNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := listener.Addr().String()
	_ = listener.Close()
	hangsUp := raw(t, "")
	breaksOff := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
	nonsense := raw(t, "SSH-2.0-OpenSSH_9.2\r\n")
	tls := httptest.NewTLSServer(http.HandlerFunc(ok))
	t.Cleanup(tls.Close)
	plain, _ := receiver(t, ok)
	for name, c := range map[string]struct {
		url   string
		error string
		want  carteiro.Reason
	}{
		"refused":                  {"http://" + refused, "Connection refused", carteiro.ReasonRefused},
		"no such host":             {"http://nowhere.invalid/", "DNS failure", carteiro.ReasonDNS},
		"untrusted certificate":    {tls.URL, "TLS failure", carteiro.ReasonTLS},
		"no TLS where expected":    {strings.Replace(plain, "http:", "https:", 1), "TLS failure", carteiro.ReasonTLS},
		"closed without an answer": {hangsUp, "Connection closed", carteiro.ReasonConnection},
		"broken off in the body":   {breaksOff, "Connection closed", carteiro.ReasonConnection},
		"no HTTP":                  {nonsense, "Invalid response", carteiro.ReasonConnection},
	} {
		w := webhook(c.url)
		w.Timeout = 10 * time.Second
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success || o.Error != c.error || o.Reason != c.want {
			t.Errorf("%s: %+v", name, o)
		}
		if strings.Contains(o.Detail, "127.0.0.1") || strings.Contains(o.Detail, "lookup") {
			t.Errorf("%s: the detail tells of the network inside: %s", name, o.Detail)
		}
		if c.want == carteiro.ReasonTLS && o.Detail == "" {
			t.Errorf("%s: no detail", name)
		}
	}
}

// raw is a receiver that reads a request, writes answer and hangs up.
func raw(t *testing.T, answer string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// All of the request is read, or closing would reset the connection.
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

func TestTheGuardHoldsAtDialTime(t *testing.T) {
	url, _ := receiver(t, ok)
	guarded := send.New(egress.New(false), "1.2.3")
	t.Cleanup(guarded.Close)
	for _, address := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1), "http://[::1]:80/", "http://169.254.169.254/latest/meta-data/"} {
		w := webhook(address)
		o := guarded.Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success || o.Error != "Blocked address" || o.Reason != carteiro.ReasonBlocked || o.Detail != "" {
			t.Errorf("%s: %+v", address, o)
		}
	}
}

func TestATemplateMakesTheBody(t *testing.T) {
	url, got := receiver(t, ok)
	w := webhook(url)
	w.PayloadTemplates = map[string]json.RawMessage{
		"event_phone_call_ended": json.RawMessage(`{"text":"call {{call.id}} ended","seconds":"{{call.seconds}}"}`),
	}
	o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{"call":{"id":"c1","seconds":42}}`))
	if body := string(got().body); body != `{"text":"call c1 ended","seconds":42}` || o.SharedTail != 0 {
		t.Errorf("body %s, shared %d", body, o.SharedTail)
	}
}

func TestACampaignsWebhookGetsTheNamesOfAgentAndCampaign(t *testing.T) {
	url, got := receiver(t, ok)
	w := webhook(url)
	w.OwnerKind = carteiro.OwnerCampaign
	d := delivery(w, `{}`)
	d.Event.CampaignID, d.Event.CampaignName = ids.New(noon), "Spring"
	open(t).Send(t.Context(), send.Compile(w), d)
	var body map[string]string
	if err := json.Unmarshal(got().body, &body); err != nil {
		t.Fatal(err)
	}
	if body["agent_name"] != "Ana" || body["campaign_name"] != "Spring" || body["campaign_id"] != d.Event.CampaignID.String() {
		t.Errorf("body %v", body)
	}
}

// The agent's own webhook is told nothing of campaigns that the agent is in.
func TestAnAgentsWebhookGetsTheNameOfTheAgentOnly(t *testing.T) {
	url, got := receiver(t, ok)
	w := webhook(url)
	d := delivery(w, `{}`)
	d.Event.CampaignID, d.Event.CampaignName = ids.New(noon), "Spring"
	open(t).Send(t.Context(), send.Compile(w), d)
	if body := string(got().body); !strings.Contains(body, "Ana") || strings.Contains(body, "campaign") {
		t.Errorf("body %s", body)
	}
}

func TestWhatCannotBeBuiltFailsAndSaysWhy(t *testing.T) {
	for name, spoil := range map[string]func(*carteiro.Webhook){
		"url":     func(w *carteiro.Webhook) { w.URL = "http://[" },
		"no host": func(w *carteiro.Webhook) { w.URL = "http:80" },
		"header": func(w *carteiro.Webhook) {
			w.CustomHeaders = []carteiro.Header{{Key: "X-Tenant", Value: "acme\r\nX-Role: admin"}}
		},
		"\"X Tenant\" cannot be sent": func(w *carteiro.Webhook) { w.CustomHeaders = []carteiro.Header{{Key: "X Tenant", Value: "acme"}} },
		"secret":                      func(w *carteiro.Webhook) { w.Secret = "whsec_%%%" },
		"template": func(w *carteiro.Webhook) {
			w.PayloadTemplates = map[string]json.RawMessage{"event_phone_call_ended": json.RawMessage(`{"a":"{{"}`)}
		},
	} {
		w := webhook("http://127.0.0.1:1")
		spoil(w)
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if o.Success || o.Reason != carteiro.ReasonInvalidRequest || !strings.Contains(o.Detail, name) || strings.Contains(o.Detail, "%%%") {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	url, got := receiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("thanks")) })
	w := webhook(url)
	sender, target := open(t), send.Compile(w)
	addresses := make(map[string]bool)
	for range 5 {
		if o := sender.Send(t.Context(), target, delivery(w, `{}`)); !o.Success {
			t.Fatal(o.Error)
		}
		addresses[got().RemoteAddr] = true
	}
	if len(addresses) != 1 {
		t.Errorf("%d connections for 5 requests", len(addresses))
	}
}

func TestAnAttemptThatIsGivenUpEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	url, _ := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(errors.New("the server stops"))
		<-r.Context().Done()
	})
	w := webhook(url)
	if o := open(t).Send(ctx, send.Compile(w), delivery(w, `{}`)); o.Success {
		t.Errorf("%+v", o)
	}
}

// What RFC 3986 does not allow in a URL is sent percent-encoded, and the rest as it was written.
func TestTheRequestTargetIsAURI(t *testing.T) {
	for written, want := range map[string]string{
		"":                                    "/",
		"?":                                   "/?",
		"/hook?a=b&c=%C3%A7%2f+d":             "/hook?a=b&c=%C3%A7%2f+d",
		"/hook?nome=ção":                      "/hook?nome=%C3%A7%C3%A3o",
		"/hook?q=\"<>\\^`{}|":                 "/hook?q=%22%3C%3E%5C%5E%60%7B%7D%7C",
		"/hook?ids[]=1&filter[name]=x":        "/hook?ids%5B%5D=1&filter%5Bname%5D=x",
		"/hook?100%&50%zz&%4":                 "/hook?100%25&50%25zz&%254",
		"/hook?a=b/c?d:e@f!$'()*,;~#fragment": "/hook?a=b/c?d:e@f!$'()*,;~",
		"/ação/{id}/[x]/a%2Fb;v=1?x#y":        "/a%C3%A7%C3%A3o/%7Bid%7D/%5Bx%5D/a%2Fb;v=1?x",
	} {
		url, got := receiver(t, ok)
		w := webhook(url + written)
		o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
		if !o.Success || o.RequestURL != w.URL {
			t.Errorf("%s: %s %s, logged as %s", written, o.Error, o.Detail, o.RequestURL)
			continue
		}
		if sent := got().RequestURI; sent != want {
			t.Errorf("%s: sent %s, want %s", written, sent, want)
		}
	}
}

func TestReservedHeadersThatAreStoredAreLeftOut(t *testing.T) {
	url, got := receiver(t, ok)
	w := webhook(url)
	w.CustomHeaders = []carteiro.Header{
		{Key: "Content-Encoding", Value: "gzip"}, {Key: "webhook_signature", Value: "v1,forged"}, {Key: "Content_Length", Value: "1"},
		{Key: "TRANSFER_ENCODING", Value: "chunked"}, {Key: "Proxy", Value: "http://x"}, {Key: "X-Tenant", Value: "acme"}, {Key: "x_team", Value: "b"},
	}
	o := open(t).Send(t.Context(), send.Compile(w), delivery(w, `{}`))
	r := got()
	for _, h := range w.CustomHeaders {
		want := ""
		if h.Key == "X-Tenant" || h.Key == "x_team" {
			want = h.Value
		}
		if sent, logged := r.Header.Get(h.Key), o.RequestHeaders.Get(h.Key); sent != want || logged != want {
			t.Errorf("%s: sent %q, logged %q, want %q", h.Key, sent, logged, want)
		}
	}
	if !o.Success {
		t.Error(o.Error, o.Detail)
	}
}
