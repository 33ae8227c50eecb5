package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/egress"
	"github.com/carteiro/carteiro/internal/payload"
)

// Bounds of a webhook's settings, in characters.
const (
	maxWebhookURL = 500
	maxCredential = 4096
	// maxTemplates bounds the templates of a webhook together, in bytes.
	maxTemplates = 256 << 10
)

// maxEvents bounds how many event types may be named, those that are named twice counted twice.
const maxEvents = 1000

var webhookFields = []string{
	fieldName, fieldWebhookURL, fieldEvents, fieldWebhookSecret, fieldTimeout, fieldMaxRetries, fieldEnabled, fieldHTTPMethod,
	fieldScheme, fieldAuthorizationValue, fieldCustomHeaders, fieldPayloadTemplates, fieldIncludeCallEvents,
	fieldSignatureScheme, fieldGenerateSecret, fieldHeaderStyle,
}

// readWebhook puts what was sent into a webhook, whose slices and maps it replaces. It fails with all the faults there
// are, errInvalidJSON among them when a name stands somewhere twice. told is a secret that was made for the caller. all says
// that the caller has the scope all.
func (s *server) readWebhook(in *input, w *carteiro.Webhook, k *ownerRoutes, all bool) (told string, err error) {
	before := *w
	in.requiredText(&w.Name, fieldName, maxName)
	s.readURL(in, w)
	readEvents(in, w, k)
	told = readSigning(in, w)
	timeout := int(w.Timeout / time.Second)
	in.integer(&timeout, fieldTimeout, int(carteiro.MinTimeout/time.Second), int(carteiro.MaxTimeout/time.Second))
	w.Timeout = time.Duration(timeout) * time.Second
	in.integer(&w.MaxRetries, fieldMaxRetries, 0, carteiro.MaxRetries)
	in.boolean(&w.Enabled, fieldEnabled)
	choice(in, &w.HTTPMethod, fieldHTTPMethod, "POST", "PUT", "PATCH")
	choice(in, &w.AuthorizationScheme, fieldScheme, carteiro.AuthorizationNone,
		carteiro.AuthorizationBearer, carteiro.AuthorizationBasic, carteiro.AuthorizationAPIKey, carteiro.AuthorizationCustom)
	in.writeOnlyText(&w.AuthorizationValue, fieldAuthorizationValue, maxCredential)
	if k == s.campaigns {
		in.boolean(&w.IncludeCallEvents, fieldIncludeCallEvents)
	}
	kept, err := readHeaders(in, w)
	if err != nil {
		return "", err
	}
	if err := s.readTemplates(in, w, k); err != nil {
		return "", err
	}
	if before.AuthorizationScheme != w.AuthorizationScheme || before.AuthorizationValue != w.AuthorizationValue ||
		!slices.Equal(before.CustomHeaders, w.CustomHeaders) {
		checkCredential(in, w)
	}
	if !all && !sameDestination(before.URL, w.URL) {
		requireCredentials(in, &before, kept)
	}
	return told, in.faults.err()
}

func (s *server) readURL(in *input, w *carteiro.Webhook) {
	before := len(in.faults.list)
	url := w.URL
	in.requiredText(&url, fieldWebhookURL, maxWebhookURL)
	if len(in.faults.list) > before || url == w.URL {
		return
	}
	// Where it leads is looked at when it is dialled: a name may lead anywhere by then.
	if err := s.guard.CheckURL(url); err != nil && !errors.Is(err, egress.ErrBlocked) {
		in.fault(fieldWebhookURL, mustBeURL)
		return
	}
	w.URL = url
}

// readEvents reads the event types that a webhook subscribes to. One that is named twice counts once.
func readEvents(in *input, w *carteiro.Webhook, k *ownerRoutes) {
	raw, ok := in.required(fieldEvents)
	if !ok {
		return
	}
	events := []string{}
	in.eventTypes(&events, raw, func(name string) bool {
		_, known := k.types[name]
		return known || slices.Contains(w.Events, name) // stored before the server was configured anew
	})
	w.Events = events
}

// chargeTemplates charges n bytes to compile the templates that were sent, one after another, unless they are small.
func (r *request) chargeTemplates(in *input) (n int64, err error) {
	raw, ok := in.sent(fieldPayloadTemplates)
	if !ok || len(raw) <= freeBytes {
		return 0, nil
	}
	n = int64(payload.CompileMemory(raw[:min(len(raw), payload.MaxTemplateBytes)]))
	return n, refusedMemory(r.account.Grow(n))
}

// readTemplates reads the templates by event type. They replace those there were.
func (s *server) readTemplates(in *input, w *carteiro.Webhook, k *ownerRoutes) error {
	raw, ok := in.sent(fieldPayloadTemplates)
	if !ok {
		return nil
	}
	if isNull(raw) {
		w.PayloadTemplates = nil
		return nil
	}
	if !isObject(raw) {
		in.fault(fieldPayloadTemplates, mustBeObject)
		return nil
	}
	stored, templates := w.PayloadTemplates, make(map[string]json.RawMessage)
	for m := walk(raw); m.NextMember(); {
		name := m.name()
		if _, twice := templates[name]; twice {
			return errInvalidJSON
		}
		templates[name] = bytes.Clone(m.Value)
		_, known := k.types[name]
		if !known && w.OwnerKind == carteiro.OwnerCampaign && w.IncludeCallEvents {
			_, known = s.agents.types[name]
		}
		// A template that is stored stays valid, so that what was read can be sent back: it may be of an agent event, though
		// the webhook does not include call events any more.
		before, was := stored[name]
		if was && sameJSON(before, m.Value) {
			templates[name] = before
			continue
		}
		checkTemplate(in, fieldPayloadTemplates+"."+name, m.Value, known || was)
	}
	if templateBytes(templates) > max(maxTemplates, templateBytes(stored)) {
		in.fault(fieldPayloadTemplates, mustNotBeLarger, maxTemplates)
	}
	w.PayloadTemplates = templates
	return nil
}

// templateBytes returns how large templates are together, in bytes.
func templateBytes(templates map[string]json.RawMessage) (size int) {
	for _, template := range templates {
		size += len(template)
	}
	return size
}

func checkTemplate(in *input, field string, raw []byte, known bool) {
	switch {
	case !known:
		in.fault(field, isNotAmongTheSelection)
	case !isObject(raw):
		in.fault(field, mustBeObject)
	default:
		switch _, err := payload.Compile(raw); {
		case errors.Is(err, payload.ErrTooLarge):
			in.fault(field, mustNotBeLarger, payload.MaxTemplateBytes)
		case err != nil:
			in.fault(field, mustBeTemplate, err)
		}
	}
}

// checkCredential looks at scheme and credential together, as they are now.
func checkCredential(in *input, w *carteiro.Webhook) {
	if in.faults.any(fieldScheme, fieldAuthorizationValue, fieldCustomHeaders) {
		return
	}
	value := w.AuthorizationValue
	switch {
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }), !utf8.ValidString(value):
		in.fault(fieldAuthorizationValue, hasInvalidFormat)
	case w.AuthorizationScheme == carteiro.AuthorizationNone:
	case value == "" && !slices.ContainsFunc(w.CustomHeaders, func(h carteiro.Header) bool { return carries(w.AuthorizationScheme, h) }):
		in.fault(fieldAuthorizationValue, isRequiredWhenScheme, w.AuthorizationScheme)
	case value != "" && w.AuthorizationScheme == carteiro.AuthorizationBasic && !strings.Contains(value, ":"):
		in.fault(fieldAuthorizationValue, hasInvalidFormat)
	}
}

// carries says whether a custom header can be what carries the credential of a scheme. Bearer and basic say where it
// stands; the other two leave the header's name to the receiver.
func carries(scheme carteiro.AuthorizationScheme, h carteiro.Header) bool {
	switch {
	case h.Value == "":
		return false
	case scheme == carteiro.AuthorizationBearer, scheme == carteiro.AuthorizationBasic:
		return strings.EqualFold(h.Key, "Authorization")
	default:
		return h.IsSecret()
	}
}
