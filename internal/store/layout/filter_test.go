package layout

import (
	"reflect"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

// What is stored stays readable: the text is what the databases hold already.
func TestFiltersReadAsTheyWereWritten(t *testing.T) {
	for name, test := range map[string]struct {
		filter carteiro.BulkFilter
		replay *carteiro.ReplayFilter
		stored string
	}{
		"of everything": {stored: `{}`},
		"of a time, a type and a range of answers": {
			filter: carteiro.BulkFilter{
				EventType: "order", From: noon.Add(time.Microsecond), To: noon.Add(time.Hour), HTTP: &carteiro.StatusRange{Min: 500, Max: 599},
			},
			stored: `{"event_type":"order","from":1795521600000001,"to":1795525200000000,"http":{"Min":500,"Max":599}}`,
		},
		"of a replay": {
			replay: &carteiro.ReplayFilter{EventTypes: []string{"order"}, Undelivered: true},
			stored: `{"replay":{"event_types":["order"],"undelivered":true}}`,
		},
		"of an event": {
			filter: carteiro.BulkFilter{EventID: carteiro.ID{1}},
			stored: `{"event_id":"01000000-0000-0000-0000-000000000000"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := EncodeFilter(test.filter, test.replay)
			if err != nil || string(b) != test.stored {
				t.Errorf("written as %s, %v; want %s", b, err, test.stored)
			}
			f, replay, err := DecodeFilter([]byte(test.stored))
			if err != nil || !reflect.DeepEqual(f, test.filter) || !reflect.DeepEqual(replay, test.replay) {
				t.Errorf("read as %+v, %+v, %v", f, replay, err)
			}
		})
	}
	if _, _, err := DecodeFilter([]byte(`{"from":"noon"}`)); err == nil {
		t.Error("a damaged filter was believed")
	}
}
