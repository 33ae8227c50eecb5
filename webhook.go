package carteiro

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"time"
)

// AuthorizationScheme says how a delivery proves itself to its receiver.
type AuthorizationScheme string

// The authorization schemes of the contract.
const (
	AuthorizationNone   AuthorizationScheme = "none"
	AuthorizationBearer AuthorizationScheme = "bearer"  // Authorization: Bearer V
	AuthorizationBasic  AuthorizationScheme = "basic"   // Authorization: Basic BASE64(V), V being user:password
	AuthorizationAPIKey AuthorizationScheme = "api_key" // X-API-Key: V
	AuthorizationCustom AuthorizationScheme = "custom"  // Authorization: V
)

// SignatureScheme says how deliveries are signed. The zero value is [SignatureHMAC].
type SignatureScheme string

// The signature schemes of Standard Webhooks 1.0.
const (
	SignatureHMAC    SignatureScheme = "hmac"    // v1: receiver and sender share the secret
	SignatureEd25519 SignatureScheme = "ed25519" // v1a: the receiver needs the public key alone
)

// HeaderStyle says under which names id, timestamp and signature are sent. The zero value is [HeadersStandard].
type HeaderStyle string

// The header styles.
const (
	HeadersStandard HeaderStyle = "standard" // webhook-id, webhook-timestamp, webhook-signature
	HeadersSvix     HeaderStyle = "svix"     // svix-id, svix-timestamp, svix-signature
	HeadersBoth     HeaderStyle = "both"
)

// FormerSecret is a rotated secret that signs next to the current one until it expires.
type FormerSecret struct {
	Secret string
	Scheme SignatureScheme
	EndsAt time.Time
}

// Bounds and defaults of a secret's rotation.
const (
	DefaultOverlap   = 24 * time.Hour
	MaxOverlap       = 7 * 24 * time.Hour
	MaxFormerSecrets = 4 // that sign at the same time
)

// Bounds and defaults of a webhook's settings, as the contract has them.
const (
	MinTimeout        = 5 * time.Second
	MaxTimeout        = 120 * time.Second
	DefaultTimeout    = 30 * time.Second
	MaxRetries        = 10
	DefaultRetries    = 3
	DefaultHTTPMethod = "POST"
)

// Header is one custom header of a webhook.
type Header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Secret makes a header secret whose name does not.
	Secret bool `json:"secret,omitzero"`
}

// IsSecret says whether the value is masked wherever it is shown, and encrypted where it is stored.
func (h *Header) IsSecret() bool { return h.Secret || Secretive(h.Key) }

// Masked stands in the place of a value that is never shown.
const Masked = "********"

// Webhook is a subscription to events of one owner: the receiver, the event types and the request settings.
type Webhook struct {
	ID            ID
	EnvironmentID ID
	OwnerKind     OwnerKind
	OwnerID       ID
	Name          string
	URL           string
	Events        []string // the event types it wants
	// IncludeCallEvents makes a campaign's webhook want the agent events of that campaign's calls too.
	IncludeCallEvents   bool
	Secret              string // empty: deliveries are not signed
	SignatureScheme     SignatureScheme
	FormerSecrets       []FormerSecret // newest first; some may have ended; nil for none
	HeaderStyle         HeaderStyle
	Timeout             time.Duration
	MaxRetries          int // automatic retries after the first attempt
	Enabled             bool
	HTTPMethod          string
	AuthorizationScheme AuthorizationScheme
	AuthorizationValue  string
	CustomHeaders       []Header
	PayloadTemplates    map[string]json.RawMessage // event type → template
	CreatedAt           time.Time
	UpdatedAt           time.Time
	DeletedAt           time.Time // zero while it exists; its logs outlive it
	// Version grows by one with every change of the settings, and guards against two changes at once. A change of the
	// health or circuit alone does not raise it.
	Version int64
	// FailuresInARow counts the failed attempts since the last success.
	FailuresInARow int
	// FailingSince is when the first of them ended, and LastError is the cause of the last. Both are zero when there
	// are none; FailingSince also where a version that did not keep it has counted the first.
	FailingSince time.Time
	LastError    string
	// LastFailedAt is when an attempt failed last, whatever came after; zero when none has.
	LastFailedAt time.Time
	// Circuit keeps deliveries from the receiver while it fails.
	Circuit Circuit
	// DisabledBy says what has disabled the webhook, and DisabledAt when. Both are zero while it is enabled; DisabledAt
	// also where a version that did not keep it has disabled it.
	DisabledBy DisabledBy
	DisabledAt time.Time
}

// Format writes the webhook's id for every verb, so that its secrets are in no message into which it finds its way.
func (w Webhook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "webhook "+w.ID.String()) }

// LogValue gives the webhook's id to log/slog.
func (w Webhook) LogValue() slog.Value { return slog.StringValue(w.ID.String()) }

// WebhookStatus is how a webhook is doing, in one word.
type WebhookStatus string

// The statuses of a webhook.
const (
	WebhookActive   WebhookStatus = "active"
	WebhookDisabled WebhookStatus = "disabled"
	WebhookError    WebhookStatus = "error"
)

// Status derives the webhook's status: switched off, failing, or well.
func (w *Webhook) Status() WebhookStatus {
	switch {
	case !w.Enabled:
		return WebhookDisabled
	case w.Circuit.Open():
		return WebhookError
	default:
		return WebhookActive
	}
}

// RotateSecret puts another secret in the place of the present one, which goes on signing until endsAt, and so do those
// before it that do not end earlier. Without a present one, or with an endsAt that is not after now, it just takes its
// place. ok is false, and nothing changed, when too many would sign at once.
func (w *Webhook) RotateSecret(secret string, scheme SignatureScheme, now, endsAt time.Time) (ok bool) {
	former := w.SigningUntil(now)
	if w.Secret != "" {
		former = append([]FormerSecret{{Secret: w.Secret, Scheme: w.SignatureScheme, EndsAt: endsAt}}, former...)
	}
	for i := range former {
		if former[i].EndsAt.After(endsAt) {
			former[i].EndsAt = endsAt
		}
	}
	changed := *w
	changed.Secret, changed.SignatureScheme, changed.FormerSecrets = secret, scheme, former
	if changed.FormerSecrets = changed.SigningUntil(now); len(changed.FormerSecrets) > MaxFormerSecrets {
		return false
	}
	*w = changed
	return true
}

// SigningUntil returns the former secrets that have not expired.
func (w *Webhook) SigningUntil(now time.Time) (signing []FormerSecret) {
	for _, f := range w.FormerSecrets {
		if f.EndsAt.After(now) {
			signing = append(signing, f)
		}
	}
	return signing
}

// SameSettings says whether two states of a webhook have the same settings. Former secrets that have ended by now, and
// when it was updated, are not settings.
func (w *Webhook) SameSettings(other *Webhook, now time.Time) bool {
	return reflect.DeepEqual(w.normalized(now), other.normalized(now))
}

// normalized gives the webhook with one value for settings that mean the same.
func (w *Webhook) normalized(now time.Time) Webhook {
	n := *w
	n.UpdatedAt = time.Time{}
	n.FormerSecrets = w.SigningUntil(now)
	n.SignatureScheme = cmp.Or(w.SignatureScheme, SignatureHMAC)
	n.HeaderStyle = cmp.Or(w.HeaderStyle, HeadersStandard)
	if len(w.Events) == 0 {
		n.Events = nil
	}
	if len(w.CustomHeaders) == 0 {
		n.CustomHeaders = nil
	}
	if len(w.PayloadTemplates) == 0 {
		n.PayloadTemplates = nil
	}
	return n
}

// EraseSecrets removes what a deleted webhook has no use for: the signing secrets, the credential, and the values of custom
// headers that are likely to be credentials.
func (w *Webhook) EraseSecrets() {
	w.Secret, w.FormerSecrets, w.AuthorizationValue = "", nil, ""
	w.CustomHeaders = slices.Clone(w.CustomHeaders)
	for i := range w.CustomHeaders {
		if h := &w.CustomHeaders[i]; h.IsSecret() {
			h.Value = ""
		}
	}
}

// Deleted says whether the webhook is kept only for its logs.
func (w *Webhook) Deleted() bool { return !w.DeletedAt.IsZero() }

// Live says whether deliveries may be sent to the webhook.
func (w *Webhook) Live() bool { return w.Enabled && !w.Deleted() }

// Wants says whether the webhook is to get an event of this type that happened to an owner of this kind: it is live and
// subscribes to it.
func (w *Webhook) Wants(kind OwnerKind, eventType string) bool {
	return w.Live() && w.Subscribes(kind, eventType)
}

// Subscribes says whether the webhook's settings ask for an event of this type that happened to an owner of this kind. That
// the event concerns the webhook's owner at all is the caller's to know: an agent's event reaches a campaign's webhook when
// the call belongs to that campaign and the webhook includes call events.
func (w *Webhook) Subscribes(kind OwnerKind, eventType string) bool {
	if w.OwnerKind == OwnerCampaign && kind == OwnerAgent {
		return w.IncludeCallEvents
	}
	return slices.Contains(w.Events, eventType)
}
