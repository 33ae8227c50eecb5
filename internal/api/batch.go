package api

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// batchItem is one event of a batch while it is read.
type batchItem struct {
	raw   []byte
	kind  *ownerRoutes
	event publish.Event
}

// batch is what is kept of the events of a call: those to publish, and of each one what its result needs.
type batch struct {
	items  []itemResult
	events []publish.Event
	trace  string // of the request, for events without their own
	item   batchItem
}

// itemResult is what the result of one event is made of.
type itemResult struct {
	kind *ownerRoutes
	err  error // why it was rejected
}

// add reads an item with read; nil is one that is too large. It returns how many bytes of it are kept.
func (b *batch) add(raw []byte, maxItem int, read func(*batchItem) error) (kept int) {
	var err error
	item := &b.item
	*item = batchItem{raw: raw}
	if raw == nil {
		err = bodyTooLarge(maxItem)
	} else if err = read(item); err == nil {
		item.event.TraceParent = cmp.Or(item.event.TraceParent, b.trace)
		b.events = append(b.events, item.event)
	}
	b.items = append(b.items, itemResult{item.kind, err})
	return len(item.event.Payload)
}

func (s *server) publishBatch(r *request) error {
	var f faults
	key := r.idempotencyKey(nil, &f)
	b := batch{trace: r.traceParent()}
	sum, err := r.readBatch(r.Header.Get("Content-Type"), &b, key != nil, &f, func(item *batchItem) error { return s.readItem(item, r.environment) })
	if err != nil {
		return err
	}
	if key != nil {
		key.Fingerprint = sum
	}
	results, err := s.Publisher.Publish(r.Context(), r.environment, key, b.events)
	if err != nil {
		return err
	}
	if len(results) != len(b.events) { // the key's first call was understood otherwise, before the configuration changed
		return errKeyReused
	}
	r.answerBatch(b.items, results)
	return nil
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
func (r *request) answerBatch(items []itemResult, results []publish.Result) {
	p, list := buffers.Get().(*[]byte), []byte(nil)
	accepted := 0
	for i, item := range items {
		var result publish.Result
		if item.err == nil {
			result, results = results[0], results[1:]
			item.err = r.s.resultError(result.Err, item.kind)
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
