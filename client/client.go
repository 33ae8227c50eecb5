// Package client calls the API of a Carteiro server. It needs nothing but the standard library; ids are UUIDs as
// strings. Every call takes a context, and fails with [*Error] when the server refuses it.
//
//	c := client.New("http://127.0.0.1:8080", "talq_…")
//	agent, err := c.PutAgent(ctx, client.NewID(), "Ana, sales assistant")
//	webhook, err := c.CreateWebhook(ctx, client.AgentOwner(agent.ID), client.WebhookSettings{
//		Name:   "CRM",
//		URL:    "https://crm.example.com/hooks",
//		Events: []string{"event_phone_call_ended"},
//	})
//	accepted, err := c.Publish(ctx, client.Event{
//		Owner:   client.AgentOwner(agent.ID),
//		Type:    "event_phone_call_ended",
//		Payload: map[string]any{"call_id": "c-1042"},
//	})
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// defaultMaxAnswer fits a page of a hundred log entries with payloads as large as a server takes by default.
	defaultMaxAnswer = 64 << 20
	// defaultTimeout bounds a call whose context does not: the test of a webhook may take two minutes.
	defaultTimeout = 3 * time.Minute
	// basePath stands before every path of the API but that of readiness.
	basePath = "/api/v1"
)

// ErrAnswerTooLarge says that the server's answer is larger than the client reads.
var ErrAnswerTooLarge = errors.New("the answer is too large")

// Client calls one server with one environment's token. It is safe for concurrent use.
type Client struct {
	base      string
	token     string
	http      *http.Client
	userAgent string
	maxAnswer int64

	environment string // its id, or empty
}

// Option changes how a client calls.
type Option func(*Client)

// WithHTTPClient makes the calls with another HTTP client than the package's own, which gives up after three minutes
// and follows no redirects.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithUserAgent names the caller to the server. The default is "carteiro-client".
func WithUserAgent(name string) Option { return func(c *Client) { c.userAgent = name } }

// WithMaxAnswer bounds how much of an answer is read, in bytes. The default is 64 MiB. Pages of the log hold what was
// sent, so that a server set to take larger payloads may need more, or fewer entries a page.
func WithMaxAnswer(n int64) Option { return func(c *Client) { c.maxAnswer = n } }

// WithEnvironment names the environment that the caller means, by its id. If the token belongs to another one, each call
// does nothing and fails with [CodeEnvironmentMismatch].
func WithEnvironment(id string) Option { return func(c *Client) { c.environment = id } }

// New makes a client of the server at baseURL, such as http://127.0.0.1:8080. A URL that is none shows at the first
// call.
func New(baseURL, token string, options ...Option) *Client {
	c := &Client{
		base:      strings.TrimRight(baseURL, "/"),
		token:     token,
		userAgent: "carteiro-client",
		maxAnswer: defaultMaxAnswer,
		http: &http.Client{
			Timeout: defaultTimeout,
			// The API redirects nowhere; whoever does must not be sent the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, option := range options {
		option(c)
	}
	return c
}

// NewID makes a random UUID, for agents and campaigns that are to be known under an id of the caller's.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Health asks whether the server's process answers. It needs no token.
func (c *Client) Health(ctx context.Context) error {
	return c.call(ctx, request{method: http.MethodGet, path: basePath + "/health"}, nil)
}

// Ready asks whether the server's database answers too. It needs no token.
func (c *Client) Ready(ctx context.Context) error {
	return c.call(ctx, request{method: http.MethodGet, path: "/readyz"}, nil)
}

// request is one call: path is whole, from the root of the server.
type request struct {
	method         string
	path           string
	query          url.Values
	body           any // sent as JSON; nil for none
	idempotencyKey string
	versioned      bool // changes a webhook; see [IfVersion]
	puts           bool // creates or changes an owner; see [IfAbsent]
}

// call sends a request and decodes the answer into answer, unless that is nil.
func (c *Client) call(ctx context.Context, r request, answer any) error {
	doing := r.method + " " + r.path
	body, err := encode(r.body)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+withQuery(r.path, r.query), body)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	c.setHeaders(req, r)
	resp, err := c.http.Do(req)
	if err != nil {
		return err // the http package has said what was being done
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, c.maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", doing, err)
	}
	if int64(len(text)) > c.maxAnswer {
		return fmt.Errorf("%s: %w: more than %d bytes", doing, ErrAnswerTooLarge, c.maxAnswer)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return newError(resp, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s: decode the answer: %w", doing, err)
	}
	return nil
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func encode(body any) (io.Reader, error) {
	if body == nil {
		return http.NoBody, nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(text), nil
}

func (c *Client) setHeaders(req *http.Request, r request) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.environment != "" {
		req.Header.Set("X-Environment-Id", c.environment)
	}
	if version, ok := req.Context().Value(versionKey).(int64); ok && r.versioned {
		req.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(version, 10)))
	}
	if r.puts && req.Context().Value(absentKey) != nil {
		req.Header.Set("If-None-Match", "*")
	}
	if key, ok := req.Context().Value(idempotencyKey).(string); ok && r.method == http.MethodPost {
		req.Header.Set("Idempotency-Key", key)
	}
	if r.idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", r.idempotencyKey)
	}
}

// enveloped is what most answers are wrapped in.
type enveloped[T any] struct {
	Data T `json:"data"`
}

// get calls and gives what stands under "data" in the answer.
func get[T any](ctx context.Context, c *Client, r request) (T, error) {
	var answer enveloped[T]
	err := c.call(ctx, r, &answer)
	return answer.Data, err
}

// list gets a page of a list.
func list[T any](ctx context.Context, c *Client, path string, q url.Values) ([]T, Pagination, error) {
	var answer struct {
		Data       []T        `json:"data"`
		Pagination Pagination `json:"pagination"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: path, query: q}, &answer)
	return answer.Data, answer.Pagination, err
}
