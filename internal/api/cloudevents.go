package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cloudhttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// publishCloudEvents takes events in the form of CloudEvents 1.0: one, structured or binary, or a batch.
func (s *server) publishCloudEvents(r *request) error {
	if mediaType(r.Header) == typeCloudEvents {
		return s.publishCloudEventBatch(r)
	}
	buffer := buffers.Get().(*[]byte)
	body, err := r.readBody(*buffer, s.MaxPayload+maxEnvelope)
	defer putBuffer(buffer, body)
	if err != nil {
		return err
	}
	item := batchItem{raw: body}
	if err := s.readCloudEvent(&item, r.Header, r.environment); err != nil {
		return err
	}
	item.event.TraceParent = cmp.Or(item.event.TraceParent, r.traceParent())
	results, err := s.Publisher.Publish(r.Context(), r.environment, nil, []publish.Event{item.event})
	if err != nil {
		return err
	}
	if err := s.cloudResultError(results[0].Err, item.kind); err != nil {
		return err
	}
	r.answerAccepted(results[0].Accepted)
	return nil
}

func (s *server) publishCloudEventBatch(r *request) error {
	structured := map[string][]string{"Content-Type": {typeCloudEvent}}
	b := batch{trace: r.traceParent()}
	var f faults
	_, err := r.readBatch(typeCloudEvents, &b, false, &f, func(item *batchItem) error { return s.readCloudEvent(item, structured, r.environment) })
	if err != nil {
		return err
	}
	results, err := s.Publisher.Publish(r.Context(), r.environment, nil, b.events)
	if err != nil {
		return err
	}
	for i := range results {
		results[i].Err = s.cloudResultError(results[i].Err, nil)
	}
	r.answerBatch(b.items, results)
	return nil
}

// cloudResultError is [server.resultError] in the words of CloudEvents. Without a kind an owner that is not there is left to
// who knows it.
func (s *server) cloudResultError(err error, k *ownerRoutes) error {
	switch {
	case errors.Is(err, directory.ErrCampaignNotFound):
		var f faults
		f.add(fieldCloudCampaign, isNotAmongTheSelection)
		return f.err()
	case k == nil && !errors.Is(err, publish.ErrRenderedTooLarge):
		return err
	default:
		return s.resultError(err, k)
	}
}

// Media types of CloudEvents in JSON: one event, and several.
const (
	typeCloudEvent  = event.ApplicationCloudEventsJSON
	typeCloudEvents = event.ApplicationCloudEventsBatchJSON
)

const (
	cloudHeader = "Ce-"
	cloudTime   = cloudHeader + "Time"
)

// readCloudEvent reads an event in the form of CloudEvents 1.0: structured when the header's content type says so,
// otherwise binary, with its attributes in the header. It fails as the call would.
func (s *server) readCloudEvent(item *batchItem, header http.Header, environment carteiro.ID) error {
	var f faults
	e, err := parseCloudEvent(header, item.raw, &f)
	if err != nil {
		return err
	}
	if err := f.err(); err != nil {
		return err
	}
	owner := cloudOwner{environment: environment, server: s}
	if err := owner.read(e, &f); err != nil {
		return err
	}
	item.kind = owner.kind
	item.event = publish.Event{Owner: owner.ref, CampaignID: owner.campaign}
	// The extension for distributed tracing: where the event began, which outlives the way that it has come.
	if trace := extension(e, "traceparent"); carteiro.ValidTraceParent(trace) {
		item.event.TraceParent = trace
	}
	if known, ok := owner.kind.types[e.Type()]; ok {
		item.event.Type = known
	} else {
		f.add(fieldType, isNotAmongTheSelection)
	}
	if at := e.Time(); !at.IsZero() {
		item.event.OccurredAt = at.UTC().Truncate(time.Microsecond)
		if y := item.event.OccurredAt.Year(); y < 1 || y > 9999 {
			f.add(fieldTime, mustBeTime)
		}
	}
	if item.event.Payload, err = s.cloudData(e, &f); err != nil {
		return err
	}
	if err := f.err(); err != nil {
		return err
	}
	item.event.Key = cloudKey(e, &item.event)
	return nil
}

// parseCloudEvent has the SDK read the event. What it would stumble over, or take two things for one, is found before.
func parseCloudEvent(header http.Header, body []byte, f *faults) (*event.Event, error) {
	var data []byte // of data_base64
	if mediaType(header) == typeCloudEvent {
		if err := checkCloudObject(body, f); err != nil || len(f.list) > 0 {
			return nil, err
		}
		header = http.Header{"Content-Type": {typeCloudEvent}}
		if body, data = normalizeCloudObject(body, f); len(f.list) > 0 {
			return nil, nil
		}
	} else {
		header = attributesOf(header, f)
		if values := header[cloudTime]; len(values) == 1 {
			header[cloudTime] = []string{normalizeTime(values[0], f)}
		}
	}
	if len(f.list) > 0 {
		return nil, nil
	}
	message := cloudhttp.NewMessage(header, io.NopCloser(bytes.NewReader(body)))
	if message.ReadEncoding() == binding.EncodingUnknown {
		return nil, errNotCloudEvent
	}
	e, err := binding.ToEvent(context.Background(), message)
	if err != nil {
		f.add(fieldEvent, mustBeCloudEvent, shorten(err.Error()))
		return nil, nil
	}
	if data != nil {
		e.DataEncoded, e.DataBase64 = data, true
	}
	checkCloudEvent(e, f)
	return e, nil
}

// normalizeCloudObject rewrites what the SDK reads in one form only, although the event is the same in others: it decodes
// data_base64, which it takes out of the event, and writes time with capital letters.
func normalizeCloudObject(body []byte, f *faults) (rest, data []byte) {
	rest = append(make([]byte, 0, len(body)), '{')
	var plain bool
	for m := walk(body); m.NextMember(); {
		value := m.Value
		switch m.name() {
		case fieldDataBase64:
			data = decodeBase64(text(value), f)
			continue
		case fieldData:
			plain = !isNull(value)
		case fieldTime:
			value = appendString(nil, normalizeTime(text(value), f))
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(append(append(rest, '"'), m.Key...), '"', ':'), value...)
	}
	if plain && data != nil {
		f.add(fieldDataBase64, isNotAllowedWith, fieldData)
	}
	return append(rest, '}'), data
}

// decodeBase64 reads base64 that may be broken into lines. It never gives nil for valid text.
func decodeBase64(encoded string, f *faults) []byte {
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		f.add(fieldDataBase64, hasInvalidFormat)
	}
	return append([]byte{}, data...)
}

func normalizeTime(s string, f *faults) string {
	if _, ok := parseTime(s); !ok {
		f.add(fieldTime, mustBeTime)
	}
	return strings.ToUpper(s)
}

// checkCloudObject looks at a structured event before the SDK does: of a member that stands there twice it takes the
// last, and data_base64 that is no string makes it panic.
func checkCloudObject(body []byte, f *faults) error {
	if err := checkObject(body); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for m := walk(body); m.NextMember(); {
		name := m.name()
		if seen[name] {
			return errInvalidJSON
		}
		seen[name] = true
		switch name {
		case fieldSpecVersion, fieldID, fieldSource, fieldType, fieldSubject, fieldTime, "datacontenttype", "dataschema", fieldDataBase64,
			fieldCloudAgent, fieldCloudCampaign:
			if !isString(m.Value) {
				f.add(name, mustBeString)
			}
		}
	}
	if !seen[fieldSpecVersion] {
		f.add(fieldSpecVersion, isRequired)
	}
	return nil
}

// attributesOf gives the headers that are attributes of a binary event. One that is there twice says two things, and a
// name of nothing makes the SDK panic.
func attributesOf(header http.Header, f *faults) http.Header {
	attributes := make(http.Header)
	for name, values := range header {
		switch {
		case name == "Content-Type":
		case !strings.HasPrefix(name, cloudHeader) || name == cloudHeader:
			continue
		}
		if len(values) != 1 {
			f.add(strings.ToLower(strings.TrimPrefix(name, cloudHeader)), hasInvalidFormat)
			continue
		}
		attributes[name] = values
	}
	return attributes
}

// checkCloudEvent looks for what CloudEvents 1.0 requires. (The version before has other rules, and is not taken.)
func checkCloudEvent(e *event.Event, f *faults) {
	if e.SpecVersion() != event.CloudEventsVersionV1 {
		f.add(fieldSpecVersion, isNotAmongTheSelection)
		return
	}
	for _, a := range []struct{ name, value string }{
		{fieldID, e.ID()}, {fieldSource, e.Source()}, {fieldType, e.Type()},
	} {
		if a.value == "" {
			f.add(a.name, isRequired)
		}
	}
	var invalid event.ValidationError
	if err := e.Validate(); len(f.list) == 0 && errors.As(err, &invalid) {
		for name := range invalid {
			f.add(name, hasInvalidFormat)
		}
	}
}

// cloudOwner finds out whose an event is: the extension attributes agentid and campaignid say so, or the subject,
// agents/UUID or campaigns/UUID.
type cloudOwner struct {
	environment carteiro.ID
	server      *server
	kind        *ownerRoutes
	ref         store.OwnerRef
	campaign    carteiro.ID // of an agent's event
}

func (o *cloudOwner) read(e *event.Event, f *faults) error {
	agent, campaign := extension(e, fieldCloudAgent), extension(e, fieldCloudCampaign)
	if agent == "" {
		agent, _ = strings.CutPrefix(e.Subject(), "agents/")
		if agent == e.Subject() {
			agent = ""
		}
	}
	if agent == "" && campaign == "" {
		if id, ok := strings.CutPrefix(e.Subject(), "campaigns/"); ok {
			campaign = id
		}
	}
	o.kind = o.server.agents
	id := agent
	switch {
	case agent == "" && campaign == "":
		f.add(fieldCloudAgent, isRequiredWithout, fieldCloudCampaign)
		return nil
	case agent == "":
		o.kind, id = o.server.campaigns, campaign
	case campaign != "":
		readID(&o.campaign, fieldCloudCampaign, appendString(nil, campaign), f)
	}
	parsed, err := carteiro.ParseID(id)
	if err != nil || parsed.IsZero() {
		return o.kind.notFound
	}
	o.ref = store.OwnerRef{EnvironmentID: o.environment, Kind: o.kind.owner, ID: parsed}
	return nil
}

func extension(e *event.Event, name string) string {
	value, _ := e.Extensions()[name].(string)
	return value
}

// cloudData gives an event's data, which must be a JSON object: it becomes the payload.
func (s *server) cloudData(e *event.Event, f *faults) ([]byte, error) {
	data := bytes.TrimSpace(e.Data())
	switch kind, _, _ := mime.ParseMediaType(e.DataContentType()); {
	case e.DataContentType() != "" && kind != "application/json" && kind != "text/json" && !strings.HasSuffix(kind, "+json"):
		f.add(fieldDataContentType, isNotAmongTheSelection)
		return nil, nil
	case len(data) == 0 || isNull(data):
		f.add(fieldData, isRequired)
		return nil, nil
	case len(data) > s.MaxPayload:
		return nil, payloadTooLarge(s.MaxPayload)
	}
	err := checkObject(data)
	if invalid := new(faults); errors.As(err, &invalid) {
		f.add(fieldData, mustBeObject)
		return nil, nil
	}
	return bytes.Clone(data), err
}

// cloudKey makes an idempotency key of what names an event: CloudEvents has source and id unique together. The
// fingerprint is of what is kept of the event, so that it is the same event in whatever form it comes again.
func cloudKey(e *event.Event, p *publish.Event) *publish.Key {
	name := fingerprint(e.Source(), e.ID(), nil)
	h := sha256.New()
	encoder := json.NewEncoder(h)
	_ = encoder.Encode([]any{p.Owner, p.CampaignID, p.Type, e.Time().UTC()}) // a hash takes everything
	compact := new(bytes.Buffer)
	_ = json.Compact(compact, p.Payload) // it was checked
	_, _ = compact.WriteTo(h)
	key := &publish.Key{Key: "cloudevent " + hex.EncodeToString(name[:])}
	h.Sum(key.Fingerprint[:0])
	return key
}

func mediaType(header http.Header) string {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return kind
}

// shorten keeps what a library says of a fault to a length that fits an answer.
func shorten(s string) string {
	if len(s) > maxShownField {
		return strings.ToValidUTF8(s[:maxShownField], "") + "…"
	}
	return s
}
