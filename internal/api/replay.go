package api

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// replayMatched is the answer to a dry run.
type replayMatched struct {
	Matching             int         `json:"matching"`
	MatchingIsLowerBound bool        `json:"matching_is_lower_bound,omitempty"`
	Sample               []eventJSON `json:"sample"`
}

func (s *server) replayEvents(r *request, k *ownerRoutes) error {
	at, err := r.webhook(k)
	if err != nil {
		return err
	}
	filter, start, err := s.replayFilter(r, k, &at)
	if err != nil {
		return err
	}
	if start.dryRun {
		page, err := s.Bulk.MatchReplay(r.Context(), at.ref, filter, maxSample)
		if err != nil {
			return err
		}
		return r.respond(http.StatusOK, answer{Data: replayMatched{page.Total, page.TotalIsLowerBound, showEvents(page.Events)}})
	}
	if !at.webhook.Enabled {
		return s.jobForKey(r, at.webhook.ID, start.key, msgReplayQueued)
	}
	job, err := s.Bulk.Replay(r.Context(), at.ref, at.webhook.ID, filter, r.auditEntry(carteiro.ReplayBegun, carteiro.SubjectOf(
		at.webhook, carteiro.SubjectBulkRetry, carteiro.ID{}, // made when it begins
	)), start.key, start.expected)
	if err != nil {
		return s.jobNotStarted(r, at.webhook.ID, err)
	}
	return r.respond(http.StatusAccepted, answer{Message: msgReplayQueued, Data: showBulk(&job)})
}

var replayFields = []string{fieldEvents, fieldEventIDs, fieldFrom, fieldTo, fieldUndelivered, fieldDryRun, fieldExpected}

// replayFilter reads which events are to be sent. Unless the caller says otherwise they are those that the webhook subscribes
// to by now and that went to no webhook; of events that are named neither is asked.
func (s *server) replayFilter(r *request, k *ownerRoutes, at *webhookPlace) (f carteiro.ReplayFilter, start jobStart, err error) {
	var faults faults
	in, start, err := r.jobInput(replayFields, &faults)
	if err != nil {
		return f, start, err
	}
	f.CallEvents = at.webhook.IncludeCallEvents
	readEventIDs(&in, &f)
	s.readEventTypes(&in, &f, k, at.webhook)
	in.time(&f.From, fieldFrom)
	in.time(&f.To, fieldTo)
	f.To = includeTo(f.To)
	f.Undelivered = f.EventIDs == nil
	in.boolean(&f.Undelivered, fieldUndelivered)
	if err := faults.err(); err != nil {
		return f, start, err
	}
	err = s.checkEventIDs(r, at, &f)
	return f, start, err
}

// readEventTypes reads the event types that are to be sent, or takes those that the webhook wants.
func (s *server) readEventTypes(in *input, f *carteiro.ReplayFilter, k *ownerRoutes, w *carteiro.Webhook) {
	raw, ok := in.sent(fieldEvents)
	switch {
	case ok && !isNull(raw):
		in.eventTypes(&f.EventTypes, raw, func(name string) bool {
			_, own := k.types[name]
			_, calls := s.agents.types[name]
			return own || calls && f.CallEvents
		})
	case f.EventIDs == nil:
		f.EventTypes = slices.Clone(w.Events)
		if f.CallEvents {
			f.EventTypes = append(f.EventTypes, slices.Sorted(maps.Keys(s.agents.types))...)
		}
	}
}

// eventTypes reads an array of event types. One that is named twice counts once.
func (in *input) eventTypes(into *[]string, raw []byte, known func(string) bool) {
	if !isArray(raw) {
		in.fault(fieldEvents, mustBeArray)
		return
	}
	count := 0
	for m := walk(raw); m.NextItem(); count++ {
		if count == maxEvents {
			in.fault(fieldEvents, mustContainAtMost, maxEvents)
			return
		}
		field := fieldEvents + "." + strconv.Itoa(count)
		switch {
		case !isString(m.Value):
			in.fault(field, mustBeString)
		case !known(text(m.Value)):
			in.fault(field, isNotAmongTheSelection)
		case !slices.Contains(*into, text(m.Value)):
			*into = append(*into, text(m.Value))
		}
	}
	if count == 0 {
		in.fault(fieldEvents, mustContainAtLeast, 1)
	}
}

// readEventIDs reads the ids of the events that are to be sent.
func readEventIDs(in *input, f *carteiro.ReplayFilter) {
	raw, ok := in.sent(fieldEventIDs)
	if !ok || isNull(raw) {
		return
	}
	if !isArray(raw) {
		in.fault(fieldEventIDs, mustBeArray)
		return
	}
	count := 0
	for m := walk(raw); m.NextItem(); count++ {
		var id carteiro.ID
		if readID(&id, fieldEventIDs+"."+strconv.Itoa(count), m.Value, in.faults); count < carteiro.MaxReplayIDs {
			f.EventIDs = append(f.EventIDs, id)
		}
	}
	switch {
	case count == 0:
		in.fault(fieldEventIDs, mustContainAtLeast, 1)
	case count > carteiro.MaxReplayIDs:
		in.fault(fieldEventIDs, mustContainAtMost, carteiro.MaxReplayIDs)
	}
}

// checkEventIDs sees to it that every event that is named may go to the webhook, and puts them in order.
func (s *server) checkEventIDs(r *request, at *webhookPlace, f *carteiro.ReplayFilter) error {
	if f.EventIDs == nil {
		return nil
	}
	named := store.Replayed(&carteiro.BulkRetry{Replay: &carteiro.ReplayFilter{CallEvents: f.CallEvents, EventIDs: f.EventIDs}}, at.ref, at.owner.CreatedAt)
	named.Limit = len(f.EventIDs)
	page, err := s.Store.ListEvents(r.Context(), named)
	if err != nil {
		return err
	}
	var faults faults
	for i, id := range f.EventIDs {
		if !slices.ContainsFunc(page.Events, func(e *carteiro.Event) bool { return e.ID == id }) {
			faults.add(fieldEventIDs+"."+strconv.Itoa(i), isNotAmongTheSelection)
		}
	}
	slices.SortFunc(f.EventIDs, func(a, b carteiro.ID) int { return bytes.Compare(a[:], b[:]) })
	f.EventIDs = slices.Compact(f.EventIDs)
	return faults.err()
}
