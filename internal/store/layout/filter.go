package layout

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/carteiro/carteiro"
)

// filter is a filter as it is stored. Times are microseconds.
type filter struct {
	EventType string                `json:"event_type,omitempty"`
	EventID   carteiro.ID           `json:"event_id,omitzero"`
	From      int64                 `json:"from,omitempty"`
	To        int64                 `json:"to,omitempty"`
	HTTP      *carteiro.StatusRange `json:"http,omitempty"`
	// Replay is that of a replay, which has nothing else.
	Replay *carteiro.ReplayFilter `json:"replay,omitempty"`
}

// EncodeFilter writes what a bulk retry retries, or what a replay replays, as JSON.
func EncodeFilter(f carteiro.BulkFilter, replay *carteiro.ReplayFilter) ([]byte, error) {
	stored := filter{EventType: f.EventType, EventID: f.EventID, HTTP: f.HTTP, Replay: replay}
	if !f.From.IsZero() {
		stored.From = f.From.UnixMicro()
	}
	if !f.To.IsZero() {
		stored.To = f.To.UnixMicro()
	}
	return json.Marshal(stored)
}

// DecodeFilter is the reverse of [EncodeFilter]. It fails when the bytes are not what EncodeFilter has made.
func DecodeFilter(b []byte) (f carteiro.BulkFilter, replay *carteiro.ReplayFilter, err error) {
	var stored filter
	if err := json.Unmarshal(b, &stored); err != nil {
		return f, nil, fmt.Errorf("filter of a bulk retry: %w", err)
	}
	f = carteiro.BulkFilter{EventType: stored.EventType, EventID: stored.EventID, HTTP: stored.HTTP}
	if stored.From != 0 {
		f.From = time.UnixMicro(stored.From).UTC()
	}
	if stored.To != 0 {
		f.To = time.UnixMicro(stored.To).UTC()
	}
	return f, stored.Replay, nil
}
