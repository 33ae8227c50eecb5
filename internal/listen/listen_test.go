package listen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

// stream answers the call for the deliveries of a webhook with these, and stays open until the request ends.
func stream(t *testing.T, deliveries ...*client.Delivery) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: open\nid: 1\ndata: {}\n\n")
		for i, d := range deliveries {
			data, _ := json.Marshal(d)
			_, _ = fmt.Fprintf(w, "event: delivery\nid: %d\ndata: %s\n\n", i+2, data)
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return client.New(server.URL, "talq_x")
}

// numbered makes so many deliveries, each with a body of its own.
func numbered(n int) (deliveries []*client.Delivery) {
	for i := range n {
		d := delivery()
		d.LogID, d.Body = fmt.Sprint("l", i), fmt.Append(nil, i)
		deliveries = append(deliveries, d)
	}
	return deliveries
}

func listenTo(ctx context.Context, c *client.Client, target string, out io.Writer) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	return Run(ctx, Config{
		Client: c, Webhook: client.Webhook{ID: "w", Name: "CRM", HasSecret: true, Enabled: true}, Forward: u, Timeout: time.Hour, Out: out,
	})
}

func TestDeliveriesAreForwardedOneAtATimeInTheirOrder(t *testing.T) {
	const n = 2 * waitTimeout // more than may wait: the stream waits for the program
	ctx, stop := context.WithCancel(t.Context())
	var got []string
	l := newLocal(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body))
	})
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	out := &stopping{after: n, stop: stop}
	if err := listenTo(ctx, stream(t, numbered(n)...), l.URL, out); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("forwarded %v", got)
	}
	if text := out.written.String(); strings.Count(text, "event_action  e") != n || !strings.Contains(text, fmt.Sprintf("%d deliveries in", n)) {
		t.Errorf("wrote\n%s", text)
	}
}

// stopping ends the listening after so many lines about deliveries.
type stopping struct {
	written bytes.Buffer
	after   int
	stop    func()
}

func (s *stopping) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("event_action")) {
		if s.after--; s.after == 0 {
			s.stop()
		}
	}
	return s.written.Write(p)
}

func TestWhatWaitsWhenItEndsIsCountedAndNotForwarded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	requests := 0
	l := newLocal(t, func(_ http.ResponseWriter, r *http.Request) {
		requests++
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		stop()                             // while the others wait
		<-r.Context().Done()
	})
	var out bytes.Buffer
	if err := listenTo(ctx, stream(t, numbered(3)...), l.URL, &out); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if requests != 1 || !strings.Contains(out.String(), "0 deliveries in") || !strings.Contains(out.String(), "not forwarded any more") {
		t.Errorf("%d requests, and wrote\n%s", requests, out.String())
	}
}

func TestARefusalOfTheServerIsTheError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"success":false,"message":"Webhook not found."}`)
	}))
	defer server.Close()
	var out bytes.Buffer
	err := listenTo(t.Context(), client.New(server.URL, "talq_x"), "http://127.0.0.1:1", &out)
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.StatusCode != http.StatusNotFound {
		t.Errorf("it ends with %v", err)
	}
	if !strings.Contains(out.String(), "0 deliveries in") {
		t.Errorf("wrote\n%s", out.String())
	}
}
