package carteiro_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestTimesInJSONHaveSixFractionalDigits(t *testing.T) {
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -3*3600)): `{"At":"2026-01-02T06:04:05.000000Z"}`,
		time.Date(2026, 1, 2, 3, 4, 5, 120_000_999, time.UTC):          `{"At":"2026-01-02T03:04:05.120000Z"}`,
		{}: `{}`,
	} {
		got, err := json.Marshal(struct {
			At carteiro.Timestamp `json:",omitzero"`
		}{carteiro.Timestamp(at)})
		if err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
