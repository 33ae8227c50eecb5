package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func body(n int) []byte { return fmt.Appendf(nil, `{"event":"x",%s%010d","rest":1}`, mark, n) }

func TestARoundPassesOnlyIfEverythingArrivedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		arrive func(r *round)
		fails  bool
	}{
		"everything once": {func(r *round) {
			for n := 100; n < 103; n++ {
				r.arrive(body(n), 0)
				r.arrive(body(n), 1)
			}
		}, false},
		"one is missing": {func(r *round) {
			for n := 100; n < 103; n++ {
				r.arrive(body(n), 0)
			}
			r.arrive(body(100), 1)
			r.arrive(body(101), 1)
		}, true},
		"one comes twice": {func(r *round) {
			for n := 100; n < 103; n++ {
				r.arrive(body(n), 0)
				r.arrive(body(n), 1)
			}
			r.arrive(body(101), 1)
		}, true},
		"one comes from elsewhere": {func(r *round) {
			for n := 100; n < 103; n++ {
				r.arrive(body(n), 0)
				r.arrive(body(n), 1)
			}
			r.arrive(body(99), 0)
		}, true},
		"one has no number": {func(r *round) {
			for n := 100; n < 103; n++ {
				r.arrive(body(n), 0)
				r.arrive(body(n), 1)
			}
			r.arrive([]byte(`{}`), 0)
		}, true},
	} {
		r := new(receiver).expect(100, 3, 2)
		c.arrive(r)
		if err := r.check(); (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-r.complete:
		default:
			if !c.fails {
				t.Errorf("%s: the round does not end", name)
			}
		}
	}
}

func TestAFigureIsTheMedianWithItsSpread(t *testing.T) {
	var f Figure
	for _, v := range []float64{5, 1, 9, 3} {
		f.add(v)
	}
	if f.Median != 4 || f.Min != 1 || f.Max != 9 {
		t.Errorf("%+v", f)
	}
	f.add(100)
	if f.Median != 5 {
		t.Errorf("%+v", f)
	}
}

func TestBodiesAreValidAndOfTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{500, 5000} {
		if e := event(42, size); len(e) != size || !json.Valid(e) || !bytes.Contains(e, []byte(mark+"0000000042")) {
			t.Errorf("event of %d bytes: %d, %s", size, len(e), e)
		}
	}
	var events []struct {
		Payload struct{ Seq string }
	}
	if err := json.Unmarshal(batch("a", 7, 3, 300), &events); err != nil || len(events) != 3 || events[2].Payload.Seq != "0000000009" {
		t.Errorf("%+v, %v", events, err)
	}
	if !json.Valid(single(1, 300)) {
		t.Error("a single event is no JSON")
	}
}

func TestTheRawLimitPostsWhatWasCapturedUnderItsOwnNumber(t *testing.T) {
	c := captured{header: map[string][]string{"Content-Length": {"9"}, "X-Webhook-Event": {"x"}}, body: body(1)}
	header, got := c.numbered(77)
	if !bytes.Equal(got, body(77)) || header.Get("Content-Length") != "" || header.Get("X-Webhook-Event") != "x" || !bytes.Equal(c.body, body(1)) {
		t.Errorf("%v %s", header, got)
	}
}

func TestAReportReadsForPeopleAndMachines(t *testing.T) {
	var r Report
	raw := measurement{deliveries: 100, took: time.Second, latencies: []time.Duration{time.Millisecond}}
	through := measurement{deliveries: 50, took: time.Second, publishing: time.Second, cpu: time.Second, latencies: []time.Duration{time.Millisecond}}
	r.Raw.add(raw)
	r.mode("batches").add(through, raw)
	var text bytes.Buffer
	if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "0.5 (0.5 to 0.5)") {
		t.Errorf("%s %v", text.String(), err)
	}
	machine, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(machine), `"ratio_to_raw"`) {
		t.Errorf("%s %v", machine, err)
	}
}
