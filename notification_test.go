package carteiro_test

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestOperatorsHearWhatHappenedAndSinceWhen(t *testing.T) {
	ids := new(carteiro.IDSource)
	w := &carteiro.Webhook{
		ID: ids.New(noon), FailuresInARow: 5, FailingSince: noon.Add(-time.Hour), LastError: "HTTP 500",
		Circuit: carteiro.Circuit{OpenedAt: noon.Add(-time.Minute)}, DisabledAt: noon, DisabledBy: carteiro.DisabledByError,
	}
	gone := *w
	gone.DisabledBy = carteiro.DisabledByGone
	before := carteiro.Circuit{OpenedAt: noon.Add(-2 * time.Hour)}
	d := &carteiro.Delivery{Attempt: carteiro.Attempt{ID: ids.New(noon), WebhookID: w.ID, EventID: ids.New(noon), EventType: "event_action", Number: 4}}
	for name, test := range map[string]struct{ got, want *carteiro.Notification }{
		"a circuit opened": {w.CircuitNotification(carteiro.CircuitOpened, before, noon), &carteiro.Notification{
			At: noon, Type: "webhook.error", WebhookID: w.ID, Since: w.FailingSince, Failures: 5, Error: "HTTP 500"}},
		"a circuit closed": {w.CircuitNotification(carteiro.CircuitClosed, before, noon), &carteiro.Notification{
			At: noon, Type: "webhook.recovered", WebhookID: w.ID, Since: before.OpenedAt}},
		"disabled for failing too long": {w.DisabledNotification("HTTP 500"), &carteiro.Notification{
			At: noon, Type: "webhook.disabled", WebhookID: w.ID, Since: w.Circuit.OpenedAt, DisabledBy: carteiro.DisabledByError, Error: "HTTP 500"}},
		"disabled by a 410": {gone.DisabledNotification("HTTP 410"), &carteiro.Notification{
			At: noon, Type: "webhook.disabled", WebhookID: w.ID, DisabledBy: carteiro.DisabledByGone, Error: "HTTP 410"}},
		"the last attempt failed": {d.ExhaustedNotification(&carteiro.Outcome{Error: "timeout", HTTPStatus: 504}, noon), &carteiro.Notification{
			At: noon, Type: "delivery.exhausted", WebhookID: w.ID, Error: "timeout",
			Last: carteiro.LastAttempt{ID: d.ID, EventID: d.EventID, EventType: "event_action", Number: 4, HTTPStatus: 504}}},
	} {
		if test.got == nil || *test.got != *test.want {
			t.Errorf("%s: got %+v, want %+v", name, test.got, test.want)
		}
	}
	if n := w.CircuitNotification(carteiro.CircuitUnchanged, before, noon); n != nil {
		t.Errorf("no change is told: %+v", n)
	}
}
