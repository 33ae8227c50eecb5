package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/client"
)

// streams answers each call with the next of its answers: a status and what is read, after which the stream ends, or
// falls silent when the text ends so.
type streams struct {
	answers []string
	asked   []string // Last-Event-ID of each
}

const silent = "(silence)"

func (s *streams) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.Header.Get("Last-Event-ID"))
	if len(s.answers) == 0 {
		return nil, errors.New("connection refused")
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	resp := &http.Response{StatusCode: 200, Header: make(http.Header)}
	var status int
	if n, _ := fmt.Sscanf(answer, "HTTP %d", &status); n == 1 {
		resp.StatusCode, answer = status, `{"success":false,"message":"No."}`
	}
	text, quiet := strings.CutSuffix(answer, silent)
	resp.Body = io.NopCloser(strings.NewReader(text))
	if quiet {
		rest, _ := io.Pipe()
		go func() {
			<-r.Context().Done()
			rest.CloseWithError(r.Context().Err())
		}()
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text), rest))
	}
	return resp, nil
}

func told(id int) string {
	return fmt.Sprintf("event: delivery\nid: %d\ndata: {\"log_id\":\"%d\",\"body\":\"e30=\",\"headers\":{\"a\":\"b\"}}\n\n", id, id)
}

func TestListenGoesOnAfterEachCutAndTellsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := "retry: 2000\nevent: open\nid: 1\ndata: {}\n\n: alive\n\n"
		s := &streams{answers: []string{
			open + told(2) + told(3)[:20],
			"HTTP 503",
			open + told(2) + told(3) + "event: reset\nid: 9\ndata: {}\n\n" + silent,
			"HTTP 429",
			strings.ReplaceAll(open+told(3)+told(4), "\n", "\r\n"),
			"HTTP 404",
		}}
		c := client.New("http://carteiro.test", "talq_x", client.WithHTTPClient(&http.Client{Transport: s, Timeout: time.Second}))
		var got, cuts []string
		missed, opened := 0, 0
		began := time.Now()
		err := c.Listen(t.Context(), client.AgentOwner("a"), "w", client.Listener{
			Delivery: func(d client.Delivery) { got = append(got, d.LogID+string(d.Body)+d.Headers["a"]) },
			Open:     func() { opened++ },
			Cut:      func(err error, _ time.Duration) { cuts = append(cuts, err.Error()) },
			Missed:   func() { missed++ },
		})
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.StatusCode != 404 {
			t.Errorf("it ends with %v", err)
		}
		if !slices.Equal(got, []string{"2{}b", "3{}b", "4{}b"}) || missed != 1 || opened != 3 {
			t.Errorf("told %v, missed %d times, opened %d times", got, missed, opened)
		}
		if want := []string{"", "2", "2", "3", "3", "4"}; !slices.Equal(s.asked, want) {
			t.Errorf("it went on from %q, want %q", s.asked, want)
		}
		if want := []string{"the server has ended the stream", "503: No.", "the stream has fallen silent", "429: No.", "the server has ended the stream"}; !slices.Equal(cuts, want) {
			t.Errorf("cuts %q, want %q", cuts, want)
		}
		if took := time.Since(began); took < 46*time.Second || took > 60*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestListenSaysAtOnceWhatIsWrongAtFirst(t *testing.T) {
	for _, first := range [][]string{{"HTTP 404"}, {"HTTP 429"}, {"HTTP 503"}, nil} {
		c := client.New("http://carteiro.test", "talq_x", client.WithHTTPClient(&http.Client{Transport: &streams{answers: first}}))
		if err := c.Listen(t.Context(), client.AgentOwner("a"), "w", client.Listener{}); err == nil {
			t.Errorf("%v is tried again", first)
		}
	}
}

func TestListenTriesForAsLongAsItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		s := &streams{answers: []string{"event: open\nid: 1\ndata: {}\n\n"}}
		c := client.New("http://carteiro.test", "talq_x", client.WithHTTPClient(&http.Client{Transport: s}))
		err := c.Listen(ctx, client.AgentOwner("a"), "w", client.Listener{})
		if !errors.Is(err, context.DeadlineExceeded) || len(s.asked) < 200 || len(s.asked) > 500 {
			t.Errorf("it ends with %v after %d tries", err, len(s.asked))
		}
	})
}
