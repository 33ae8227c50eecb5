package send

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/payload"
	"github.com/carteiro/carteiro/internal/signature"

	"golang.org/x/net/http/httpguts"
)

// Target is a webhook made ready to be sent to: its URL parsed, its templates and its secret compiled, the part of the
// requests' head that is always the same written. It is made once for each version of a webhook and safe for concurrent use.
type Target struct {
	webhook *carteiro.Webhook
	origin  origin
	head    []byte      // of every request: its first line and fixed headers, secrets in clear
	shown   http.Header // those headers as the log shows them, secrets masked
	signers []signer    // the present secret first; none: nothing is signed
	// standard and svix say under which names id, timestamp and signature go.
	standard, svix bool
	// tracesItself: a custom header says what trace the receiver is told.
	tracesItself bool
	templates    map[string]*payload.Template
	memory       int // see Memory
	// fault is why nothing can be sent with these settings. Validation keeps such webhooks out; should one be in the
	// store all the same, its deliveries fail and say why.
	fault error
}

// URL returns the webhook's URL, which may contain credentials.
func (t *Target) URL() string { return t.webhook.URL }

// MaxRendered returns how large a body the webhook's template can make of an event at most, in bytes; 0 without a template.
func (t *Target) MaxRendered(e *carteiro.Event) int {
	template := t.templates[e.Type]
	if template == nil {
		return 0
	}
	return template.MaxSize(len(e.Payload) + envelopeBytes)
}

// signer is a secret that signs until it ends; the present one has no end.
type signer struct {
	key   signature.Key
	until time.Time
}

// Compile makes a webhook ready to be sent to.
func Compile(w *carteiro.Webhook) *Target {
	t := &Target{webhook: w, templates: make(map[string]*payload.Template, len(w.PayloadTemplates))}
	t.fault = t.compile()
	t.memory = w.Size() + 2*len(t.head)
	for _, template := range t.templates {
		if template != nil { // it could be compiled
			t.memory += template.Memory()
		}
	}
	return t
}

// Memory returns about how many bytes the target takes, with the webhook.
func (t *Target) Memory() int { return t.memory }

// MaxMemory returns about how many bytes are needed at most to compile a webhook and to make a body of an event.
func MaxMemory(w *carteiro.Webhook, e *carteiro.Event) int {
	const compiled = 2 // its texts are copied
	size := compiled * w.Size()
	for event, template := range w.PayloadTemplates {
		size += payload.MaxMemory(template)
		if event == e.Type {
			size += payload.MaxRendered(template, len(e.Payload)+envelopeBytes)
		}
	}
	return size
}

// envelopeBytes is more than an envelope adds to a payload.
const envelopeBytes = 16 << 10

func (t *Target) compile() (err error) {
	w := t.webhook
	t.standard, t.svix = w.HeaderStyle != carteiro.HeadersSvix, w.HeaderStyle == carteiro.HeadersSvix || w.HeaderStyle == carteiro.HeadersBoth
	if w.Secret != "" {
		if err := t.sign(w.Secret, w.SignatureScheme, time.Time{}); err != nil {
			return fmt.Errorf("secret: %w", err)
		}
	}
	for _, f := range w.FormerSecrets {
		if err := t.sign(f.Secret, f.Scheme, f.EndsAt); err != nil {
			return fmt.Errorf("former secret: %w", err)
		}
	}
	for event, template := range w.PayloadTemplates {
		if t.templates[event], err = payload.Compile(template); err != nil {
			return fmt.Errorf("template of %s: %w", event, err)
		}
	}
	return t.compileHead()
}

// sign adds a secret to those that sign.
func (t *Target) sign(secret string, scheme carteiro.SignatureScheme, until time.Time) error {
	parse := signature.ParseSecret
	if scheme == carteiro.SignatureEd25519 {
		parse = signature.ParsePrivateKey
	}
	key, err := parse(secret)
	t.signers = append(t.signers, signer{key: key, until: until})
	return err
}

// appendSignatures appends those of all secrets that have not ended, separated by spaces.
func (t *Target) appendSignatures(dst []byte, id string, now time.Time, body []byte) []byte {
	for _, s := range t.signers {
		if !s.until.IsZero() && !now.Before(s.until) {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ' ')
		}
		dst = s.key.Sign(dst, id, now.Unix(), body)
	}
	return dst
}

// compileHead reads the URL and writes the fixed part of the requests' head.
func (t *Target) compileHead() error {
	u, err := url.Parse(t.webhook.URL)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	name, err := egress.ASCIIHost(u.Hostname())
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if name == "" || u.Opaque != "" { // "http:80" parses; dialling it would reach this machine
		return errors.New("url: it has no host")
	}
	u.Host = net.JoinHostPort(name, u.Port())
	if t.origin, err = originOf(u); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	t.origin.environment = t.webhook.EnvironmentID
	t.head = fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", t.webhook.HTTPMethod, requestTarget(u))
	t.head = appendHeader(t.head, "Host", strings.TrimSuffix(net.JoinHostPort(withoutZone(name), u.Port()), ":"))
	var sent http.Header
	sent, t.shown = fixedHeaders(t.webhook)
	t.tracesItself = sent[headerTrace] != nil
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		for _, value := range sent[name] {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				return fmt.Errorf("header %q cannot be sent", name)
			}
			t.head = appendHeader(t.head, name, value)
		}
	}
	return nil
}

// originOf reads off a URL where to connect to.
func originOf(u *url.URL) (origin, error) {
	host, port := u.Hostname(), u.Port()
	switch u.Scheme {
	case "http":
		return origin{address: net.JoinHostPort(host, cmp.Or(port, "80"))}, nil
	case "https":
		return origin{address: net.JoinHostPort(host, cmp.Or(port, "443")), secured: withoutZone(host)}, nil
	default:
		return origin{}, fmt.Errorf("the scheme %q is neither http nor https", u.Scheme)
	}
}

// fixedHeaders returns the headers of every request to a webhook, in clear and as they are shown. Reserved custom headers, stored
// before they were reserved, are left out.
func fixedHeaders(w *carteiro.Webhook) (sent, shown http.Header) {
	sent, shown = http.Header{headerContentType: contentType}, http.Header{headerContentType: contentType}
	for _, h := range w.CustomHeaders {
		if carteiro.ReservedHeader(h.Key) {
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(h.Key)
		sent[name] = append(sent[name], h.Value)
		if h.IsSecret() {
			h.Value = carteiro.Masked
		}
		shown[name] = append(shown[name], h.Value)
	}
	if w.AuthorizationValue == "" {
		return sent, shown // the credential is among the custom headers
	}
	set := func(name, scheme, value string) {
		sent[name], shown[name] = []string{scheme + value}, []string{scheme + carteiro.Masked}
	}
	switch w.AuthorizationScheme {
	case carteiro.AuthorizationBearer:
		set("Authorization", "Bearer ", w.AuthorizationValue)
	case carteiro.AuthorizationBasic:
		set("Authorization", "Basic ", base64.StdEncoding.EncodeToString([]byte(w.AuthorizationValue)))
	case carteiro.AuthorizationAPIKey:
		set("X-Api-Key", "", w.AuthorizationValue)
	case carteiro.AuthorizationCustom:
		set("Authorization", "", w.AuthorizationValue)
	case carteiro.AuthorizationNone:
	}
	return sent, shown
}

// body builds what is sent for an event: the envelope, or what the webhook's template makes of it. shared is how many
// of its last bytes are the payload's.
func (t *Target) body(d *carteiro.Delivery) (body []byte, shared int, err error) {
	e := d.Event
	envelope := payload.Envelope{
		Event:       e.Type,
		WebhookID:   t.webhook.ID.String(),
		WebhookName: t.webhook.Name,
		OccurredAt:  e.OccurredAt,
		Test:        e.Type == carteiro.TestEvent,
	}
	switch owner := e.OwnerID.String(); e.OwnerKind {
	case carteiro.OwnerAgent:
		envelope.AgentID, envelope.AgentName = owner, e.OwnerName
	case carteiro.OwnerCampaign:
		envelope.CampaignID, envelope.CampaignName = owner, e.OwnerName
	case carteiro.OwnerEnvironment:
		envelope.EnvironmentID, envelope.EnvironmentName = owner, e.OwnerName
	}
	if t.webhook.OwnerKind == carteiro.OwnerCampaign && e.OwnerKind == carteiro.OwnerAgent {
		envelope.CampaignID, envelope.CampaignName = e.CampaignID.String(), e.CampaignName
	}
	body, shared = envelope.Body(e.Payload)
	template := t.templates[e.Type]
	if template == nil {
		return body, shared, nil
	}
	body, err = template.Render(body)
	return body, 0, err
}
