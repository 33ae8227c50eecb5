package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
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
	for _, size := range []int{minPayload, 500, 5000} {
		if e := appendEvent(nil, 42, size); len(e) != size || !json.Valid(e) || !bytes.Contains(e, []byte(mark+"0000000042")) {
			t.Errorf("event of %d bytes: %d, %s", size, len(e), e)
		}
	}
	var events []struct {
		Agent   string `json:"agent_id"`
		Payload struct{ Seq string }
	}
	body := batch(strconv.Itoa, 7, 3, 300)
	if err := json.Unmarshal(body, &events); err != nil || len(events) != 3 || events[2].Agent != "9" || events[2].Payload.Seq != "0000000009" {
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
	raw := measurement{deliveries: 100, took: time.Second, latencies: []time.Duration{time.Millisecond}}
	through := measurement{
		deliveries: 50, took: time.Second, publishing: time.Second, cpu: time.Second, latencies: []time.Duration{time.Millisecond},
	}
	rates := Rates{}
	rates.Raw.add(raw)
	rates.mode("batches of 100").add(through, raw)
	rates.mode("single publishing").add(through, raw)
	calm := Calm{}
	calm.add(through, raw)
	logs := []LogsRow{{Name: firstPage, P50: time.Millisecond, P99: time.Second}}
	for name, c := range map[string]struct {
		report interface{ Text(w io.Writer) error }
		text   string // in what people read
		key    string // in what machines read
	}{
		"throughput": {&Report{Rates: rates, Calm: calm}, "| 0.50 (0.50 to 0.50) |", "ratio_to_raw"},
		"neighbour":  {&NeighbourReport{Rows: []NeighbourRow{{P99Factor: Figure{Median: 1.5}}}}, "| 1.50× ", "p99_over_alone"},
		"logs":       {&LogsReport{Entries: 10_000_000, Rows: logs}, "10,000,000 entries", "p99_ns"},
		"backlog":    {&BacklogReport{FirstDelivery: time.Second}, "| 1,000 ms", "restart_to_first_delivery_ns"},
		"many":       {&ManyReport{CPU: 0.002}, "| 0.20 % of a core", "server_cpu_share_of_a_core"},
		"payload": {
			&GrowthReport{Over: OverPayload, Rows: []GrowthRow{{Point: 32 << 10, Rates: rates, Disk: 1500}}}, "| 1.46 KiB", "database_bytes_per_delivery",
		},
		"webhooks": {
			&GrowthReport{Over: OverWebhooks, Rows: []GrowthRow{{Point: 10, Rates: rates, Seldom: 0.1}}}, "| 10.00 % of a core", "server_cpu_share",
		},
		"entries": {&GrowthReport{Over: OverEntries, Rows: []GrowthRow{{Point: 10_000, Rates: rates, Logs: logs}}}, "| 10,000 ", "logs"},
	} {
		var text bytes.Buffer
		if err := c.report.Text(&text); err != nil || !strings.Contains(text.String(), c.text) {
			t.Errorf("%s: no %q in\n%s %v", name, c.text, text.String(), err)
		}
		machine, err := json.Marshal(c.report)
		if err != nil || !strings.Contains(string(machine), c.key) {
			t.Errorf("%s: no %q in %s %v", name, c.key, machine, err)
		}
	}
}

func TestNumbersReadWell(t *testing.T) {
	for got, want := range map[string]string{
		number(0.123): "0.12", number(12.34): "12.3", number(123.4): "123", number(12_345_678): "12,345,678", number(999.6): "1,000",
		count(10): "10", size(512): "512 B", size(32 << 10): "32 KiB", size(1536): "1.50 KiB", size(1023 << 20): "1,023 MiB",
	} {
		if got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestALongLogHasAsManyEntriesAsAskedFor(t *testing.T) {
	for _, c := range []struct{ entries, others int }{{200, 200}, {100, 900}, {300, 70}, {200, 0}} {
		url := "sqlite:" + t.TempDir() + "/carteiro.db"
		l := Logs{Database: url, Entries: c.entries, Others: c.others, Log: io.Discard}
		_, log, err := l.site(t.Context())
		if err != nil || log.entries != c.entries || log.others != c.others || log.disk < 500 || len(log.failed) < c.entries/failEvery {
			t.Errorf("%+v: %+v, %v", c, log, err)
		}
		if _, _, err := l.site(t.Context()); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("filled once more: %v", err)
		}
		l.Filled, l.Entries = true, 1
		if _, log, err = l.site(t.Context()); err != nil || log.entries != c.entries || log.others != c.others {
			t.Errorf("taken up again: %+v, %v", log, err)
		}
	}
}

func TestADatabaseOfOthersIsLeftAlone(t *testing.T) {
	url := "sqlite:" + t.TempDir() + "/carteiro.db"
	s, err := newSite(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.remove()
	s.url = url
	now, ids := time.Now(), new(carteiro.IDSource)
	err = s.with(t.Context(), func(db store.Store) error {
		environment := carteiro.Environment{ID: ids.New(now), Name: "production", CreatedAt: now}
		return db.CreateEnvironment(t.Context(), store.CreateEnvironment{
			Environment: environment, Token: carteiro.Token{ID: ids.New(now), EnvironmentID: environment.ID, CreatedAt: now},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newSite(t.Context(), url); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("as an empty one: %v", err)
	}
	if _, err := knownSite(t.Context(), url); err == nil {
		t.Error("it is taken for one that a benchmark has filled")
	}
}
