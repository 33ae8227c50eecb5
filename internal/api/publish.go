package api

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// eventInput is an event as it was sent: the raw values of its members, nil where there is none.
type eventInput struct {
	event, payload, occurredAt, campaignID []byte
	// In a batch only.
	agentID, idempotencyKey []byte
}

// readEventInput takes an event's members apart. raw is a valid JSON object. A member that stands there twice says two
// things: it fails with errInvalidJSON. Unknown members are ignored.
func readEventInput(raw []byte) (in eventInput, err error) {
	for m := walk(raw); m.NextMember(); {
		field := in.field(m.Key)
		if field == nil {
			continue
		}
		if *field != nil {
			return in, errInvalidJSON
		}
		*field = m.Value
	}
	for _, field := range []*[]byte{&in.event, &in.payload, &in.occurredAt, &in.campaignID, &in.agentID, &in.idempotencyKey} {
		if *field != nil && isNull(*field) {
			*field = nil
		}
	}
	return in, nil
}

func (in *eventInput) field(key []byte) *[]byte {
	if bytes.IndexByte(key, '\\') >= 0 {
		key = []byte(unescape(key))
	}
	switch string(key) {
	case fieldEvent:
		return &in.event
	case fieldPayload:
		return &in.payload
	case fieldOccurredAt:
		return &in.occurredAt
	case fieldCampaignID:
		return &in.campaignID
	case fieldAgentID:
		return &in.agentID
	case fieldIdempotencyKey:
		return &in.idempotencyKey
	default:
		return nil
	}
}

// read turns the members into an event of owner. What is wrong with them goes to f; only a payload that is too large
// is a failure of its own. The event shares no memory with the members.
func (in *eventInput) read(s *server, k *ownerRoutes, owner store.OwnerRef, f *faults) (publish.Event, error) {
	e := publish.Event{Owner: owner}
	if len(in.payload) > s.MaxPayload {
		return e, payloadTooLarge(s.MaxPayload)
	}
	e.Type = in.readType(k, f)
	switch {
	case in.payload == nil:
		f.add(fieldPayload, isRequired)
	case !isObject(in.payload):
		f.add(fieldPayload, mustBeObject)
	default:
		e.Payload = bytes.Clone(in.payload)
	}
	e.OccurredAt = in.readTime(f)
	if in.campaignID != nil && k == s.agents {
		readID(&e.CampaignID, fieldCampaignID, in.campaignID, f)
	}
	return e, nil
}

func (in *eventInput) readType(k *ownerRoutes, f *faults) string {
	switch {
	case in.event == nil:
		f.add(fieldEvent, isRequired)
	case !isString(in.event):
		f.add(fieldEvent, mustBeString)
	default:
		name := in.event[1 : len(in.event)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(unescape(name))
		}
		if known, ok := k.types[string(name)]; ok {
			return known
		}
		f.add(fieldEvent, isNotAmongTheSelection)
	}
	return ""
}

func (in *eventInput) readTime(f *faults) time.Time {
	if in.occurredAt == nil {
		return time.Time{}
	}
	if !isString(in.occurredAt) {
		f.add(fieldOccurredAt, mustBeString)
		return time.Time{}
	}
	t, ok := parseTime(text(in.occurredAt))
	if !ok {
		f.add(fieldOccurredAt, mustBeTime)
	}
	return t
}

func (s *server) publishEvent(r *request, k *ownerRoutes) error {
	owner, err := r.ownerRef(k)
	if err != nil {
		return err
	}
	if _, err := s.Directory.Owner(r.Context(), owner); err != nil {
		return missing(err, k.notFound)
	}
	buffer := buffers.Get().(*[]byte)
	body, err := r.readBody(*buffer, s.MaxPayload+maxEnvelope)
	defer putBuffer(buffer, body)
	if err != nil {
		return err
	}
	event, err := s.decodeEvent(r, k, owner, body)
	if err != nil {
		return err
	}
	results, err := s.Publisher.Publish(r.Context(), r.environment, nil, []publish.Event{event})
	if err != nil {
		return err
	}
	if err := s.resultError(results[0].Err, k); err != nil {
		return err
	}
	r.answerAccepted(results[0].Accepted)
	return nil
}

// decodeEvent reads a body that is one event.
func (s *server) decodeEvent(r *request, k *ownerRoutes, owner store.OwnerRef, body []byte) (publish.Event, error) {
	if err := checkObject(body); err != nil {
		return publish.Event{}, err
	}
	in, err := readEventInput(body)
	if err != nil {
		return publish.Event{}, err
	}
	var f faults
	event, err := in.read(s, k, owner, &f)
	if err != nil {
		return publish.Event{}, err
	}
	event.Key = r.idempotencyKey(body, &f)
	event.TraceParent = r.traceParent()
	return event, f.err()
}

// resultError says what is answered for an event that publish refused.
func (s *server) resultError(err error, k *ownerRoutes) error {
	switch {
	case errors.Is(err, directory.ErrOwnerNotFound): // deleted since it was looked up
		return k.notFound
	case errors.Is(err, directory.ErrCampaignNotFound):
		var f faults
		f.add(fieldCampaignID, isNotAmongTheSelection)
		return f.err()
	case errors.Is(err, publish.ErrRenderedTooLarge):
		return renderedTooLarge(publish.MaxRendered(s.MaxPayload))
	default:
		return err
	}
}

var acceptedHead = append(appendString([]byte(`{"success":true,"message":`), msgEventAccepted), `,"data":`...)

// answerAccepted writes the answer to a single event.
func (r *request) answerAccepted(a publish.Accepted) {
	r.logAccepted(a)
	p := buffers.Get().(*[]byte)
	b := (*p)[:0]
	b = append(append(b, acceptedHead...), '{')
	b = appendAccepted(b, a)
	b = append(b, `}}`...)
	r.write(http.StatusAccepted, b)
	putBuffer(p, b)
}

func appendAccepted(b []byte, a publish.Accepted) []byte {
	b = appendID(append(b, `"event_id":`...), a.EventID)
	return strconv.AppendInt(append(b, `,"deliveries":`...), int64(a.Deliveries), 10)
}
