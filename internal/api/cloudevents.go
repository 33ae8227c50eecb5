package api

import (
	"cmp"
	"errors"

	"github.com/carteiro/carteiro/internal/directory"
	"github.com/carteiro/carteiro/internal/publish"
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
func (s *server) cloudResultError(err error, k *kind) error {
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
