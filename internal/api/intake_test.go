package api_test

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/api"
)

func TestAMessageKeepsTheTraceThatCameWithIt(t *testing.T) {
	const trace, other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	var settings api.Config
	w := newWorld(t, func(c *api.Config) { settings = *c })
	o := w.newOwner(w.home, "agents")
	own := []byte(`{"agent_id":"` + o.id + `","event":"` + o.event + `","payload":{}}`)
	cloudHeader := map[string][]string{"Content-Type": {structuredCloud}}
	whose := `,"agentid":"` + o.id + `","data":{},"traceparent":"` + other + `"`
	for want, m := range map[string]api.Message{
		trace: {Body: own, TraceParent: trace},
		"":    {Body: own, TraceParent: "00-nonsense"},
		other: {Body: []byte(cloud(o, "1", whose)), CloudEvent: cloudHeader, TraceParent: trace},
	} {
		refusals, err := api.NewIntake(settings).Take(t.Context(), w.home.id, []api.Message{m})
		must(t, err)
		if refusals[0] != nil {
			t.Fatal(refusals[0])
		}
		if got := w.finish(o, answeredWith(200), time.Time{})[0].Event.TraceParent; got != want {
			t.Errorf("kept is %q, want %q", got, want)
		}
	}
}
