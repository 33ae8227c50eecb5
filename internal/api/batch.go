package api

import (
	"bytes"
	"cmp"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"carteiro"
	"carteiro/internal/payload"
	"carteiro/internal/publish"
	"carteiro/internal/store"
)

// batchItem is one event of a batch on its way.
type batchItem struct {
	raw   []byte
	kind  *kind
	event publish.Event
	err   error // why it was rejected
}

func (s *server) publishBatch(r *request) error {
	body, err := r.readBody(nil, maxBatchBody)
	if err != nil {
		return err
	}
	var f faults
	key := r.idempotencyKey(body, &f)
	items, err := splitBatch(r.Header.Get("Content-Type"), body, &f)
	if err != nil {
		return err
	}
	if err := f.err(); err != nil {
		return err
	}
	events, trace := make([]publish.Event, 0, len(items)), r.traceParent()
	for i := range items {
		item := &items[i]
		if item.err = s.readItem(item, r.environment); item.err == nil {
			item.event.TraceParent = trace
			events = append(events, item.event)
		}
	}
	results, err := s.Publisher.Publish(r.Context(), r.environment, key, events)
	if err != nil {
		return err
	}
	if len(results) != len(events) { // the key's first call was understood otherwise, before the configuration changed
		return errKeyReused
	}
	r.answerBatch(items, results)
	return nil
}

// splitBatch cuts a batch into its items. One that is a JSON array must be valid as a whole; one of lines is looked at
// line by line, later.
func splitBatch(contentType string, body []byte, f *faults) ([]batchItem, error) {
	var items []batchItem
	if isLines(contentType) {
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) > 0 && len(items) <= carteiro.MaxBatch {
				items = append(items, batchItem{raw: line})
			}
		}
	} else {
		// How deep an item is nested is looked at item by item.
		const deep = 10 * maxDepth
		err := payload.CheckObject(body, payload.Limits{MaxBytes: len(body) + 1, MaxDepth: deep})
		switch {
		case err == nil: // an object
			f.add(fieldEvents, mustBeArray)
			return nil, nil
		case errors.Is(err, payload.ErrTooDeep):
			return nil, errTooDeep
		case !errors.Is(err, payload.ErrNotObject):
			return nil, errInvalidJSON
		case !isArray(bytes.TrimLeft(body, " \n\r\t")):
			f.add(fieldEvents, mustBeArray)
			return nil, nil
		}
		for m := walk(body); len(items) <= carteiro.MaxBatch && m.NextItem(); {
			items = append(items, batchItem{raw: m.Value})
		}
	}
	switch {
	case len(items) == 0:
		f.add(fieldEvents, mustContainAtLeast, 1)
	case len(items) > carteiro.MaxBatch:
		f.add(fieldEvents, mustContainAtMost, carteiro.MaxBatch)
	}
	return items, nil
}

// isLines says whether a body of this type holds one JSON value a line.
func isLines(contentType string) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch kind {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return true
	default:
		return false
	}
}

// readItem reads one event of a batch. It fails as the single call would have.
func (s *server) readItem(item *batchItem, environment carteiro.ID) error {
	if limit := s.MaxPayload + maxEnvelope; len(item.raw) > limit {
		return bodyTooLarge(limit)
	}
	if err := checkObject(item.raw); err != nil {
		return err
	}
	in, err := readEventInput(item.raw)
	if err != nil {
		return err
	}
	var f faults
	owner := store.OwnerRef{EnvironmentID: environment}
	ownerID, name := in.agentID, fieldAgentID
	item.kind = s.agents
	if in.agentID == nil && in.campaignID != nil {
		item.kind, ownerID, name = s.campaigns, in.campaignID, fieldCampaignID
	}
	owner.Kind = item.kind.owner
	switch {
	case ownerID == nil:
		f.add(fieldAgentID, isRequiredWithout, inWords(fieldCampaignID))
	case !isString(ownerID):
		f.add(name, mustBeString)
	default:
		if owner.ID, err = carteiro.ParseID(text(ownerID)); err != nil || owner.ID.IsZero() {
			return item.kind.notFound
		}
	}
	if item.event, err = in.read(s, item.kind, owner, &f); err != nil {
		return err
	}
	item.event.Key = in.key(item.raw, &f)
	return f.err()
}

// key reads an event's own idempotency key.
func (in *eventInput) key(raw []byte, f *faults) *publish.Key {
	switch {
	case in.idempotencyKey == nil:
	case !isString(in.idempotencyKey):
		f.add(fieldIdempotencyKey, mustBeString)
	case !isKey(text(in.idempotencyKey)):
		f.add(fieldIdempotencyKey, mustBeIdempotencyKey, maxKey)
	default:
		return &publish.Key{Key: text(in.idempotencyKey), Fingerprint: fingerprint("item", "", raw)}
	}
	return nil
}

// answerBatch writes one result an event. results are those of the events that were published, in their order.
func (r *request) answerBatch(items []batchItem, results []publish.Result) {
	p, list := buffers.Get().(*[]byte), []byte(nil)
	accepted := 0
	for i, item := range items {
		var result publish.Result
		if item.err == nil {
			result, results = results[0], results[1:]
			item.err = resultError(result.Err, item.kind)
		}
		list = strconv.AppendInt(append(list, `,{"index":`...), int64(i), 10)
		if item.err != nil {
			list = r.appendItemError(list, item.err)
		} else {
			r.logAccepted(result.Accepted)
			list = appendAccepted(append(list, ','), result.Accepted)
			accepted++
		}
		list = append(list, '}')
	}
	b := append(appendString(append((*p)[:0], `{"success":true,"message":`...), msgBatchAccepted), `,"data":{"accepted":`...)
	b = strconv.AppendInt(b, int64(accepted), 10)
	b = strconv.AppendInt(append(b, `,"rejected":`...), int64(len(items)-accepted), 10)
	b = append(b, `,"results":[`...)
	b = append(append(b, list[1:]...), `]}}`...) // without the first comma
	r.write(http.StatusAccepted, b)
	putBuffer(p, b)
}

// itemCodes are the codes of errors that have none in a call of their own, by their status.
var itemCodes = map[int]string{
	http.StatusBadRequest: codeInvalidJSON, http.StatusNotFound: codeNotFound, http.StatusRequestEntityTooLarge: codeTooLarge,
	http.StatusUnprocessableEntity: codeInvalidData, http.StatusUnsupportedMediaType: codeInvalidData, http.StatusInternalServerError: codeInternal,
}

// appendItemError appends what the single call would have answered.
func (r *request) appendItemError(b []byte, err error) []byte {
	f, _ := failureOf(err, r.id)
	r.s.Observer.Rejected(f.status, 1)
	b = strconv.AppendInt(append(b, `,"error":{"status_code":`...), int64(f.status), 10)
	b = appendString(append(b, `,"message":`...), f.message)
	b = appendString(append(b, `,"code":`...), cmp.Or(f.code, itemCodes[f.status]))
	var invalid *faults
	if errors.As(err, &invalid) {
		b = invalid.appendErrors(append(b, `,"errors":`...))
	}
	return append(b, '}')
}
