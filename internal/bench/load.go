package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load is the benchmark's client: it posts bodies, to Carteiro and straight to the receiver alike.
type load struct {
	client *http.Client
	token  string
}

func newLoad(token string, connections int) *load {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	return &load{client: &http.Client{Transport: transport, Timeout: time.Minute}, token: token}
}

// post sends one request and reads the answer to its end. answer, if not nil, is filled from it.
func (l *load) post(ctx context.Context, url string, header http.Header, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s: %s", url, response.Status, text)
	}
	if answer != nil {
		return json.Unmarshal(text, answer)
	}
	return nil
}

// get sends one request; answer, if not nil, is filled from what comes.
func (l *load) get(ctx context.Context, url string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header = l.header()
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %s: %s", url, response.Status, text)
	case answer != nil:
		return json.Unmarshal(text, answer)
	}
	return nil
}

func (l *load) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + l.token}, "Content-Type": {"application/json"}}
}

// inParallel calls do for every number below n, from as many goroutines as there are connections; it ends with the
// first error.
func inParallel(ctx context.Context, connections, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// atRate calls do for every number below n, each on its own goroutine, so many a second.
func atRate(ctx context.Context, rate, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	var wg sync.WaitGroup
	for i := 0; i < n && ctx.Err() == nil; i++ {
		<-ticker.C
		wg.Go(func() {
			if err := do(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// The parts of a payload: a phone call's end, with its number and a transcript that pads it to the size wished for.
const (
	payloadHead = `{` + mark
	payloadCall = `","call":{"id":"call_`
	payloadRest = `","from":"+5511987654321","to":"+14155550123","duration_seconds":42,"sentiment":"positive"},"transcript":"`
	payloadEnd  = `"}`
)

// minPayload is the size of a payload whose transcript is empty.
const minPayload = len(payloadHead) + len(payloadCall) + len(payloadRest) + len(payloadEnd) + 2*markDigits

// appendEvent appends the payload of an event. It is plain appending, because what it takes is taken from the server.
func appendEvent(b []byte, n, size int) []byte {
	b = appendNumber(append(b, payloadHead...), n)
	b = appendNumber(append(b, payloadCall...), n)
	b = append(b, payloadRest...)
	for rest := size - minPayload; rest > 0; rest -= len(transcript) {
		b = append(b, transcript[:min(rest, len(transcript))]...)
	}
	return append(b, payloadEnd...)
}

// transcript is what fills a payload up.
const transcript = "Good morning, Ana speaking. How may I help? I am calling about the order of last week. One moment, please. "

// appendNumber appends a number in as many digits as stand behind a mark.
func appendNumber(b []byte, n int) []byte {
	b = append(b, "0000000000"...)
	for i := len(b) - 1; n > 0; i, n = i-1, n/10 {
		b[i] = byte('0' + n%10)
	}
	return b
}

// single is the body that publishes one event.
func single(n, size int) []byte {
	body := make([]byte, 0, size+minPayload)
	body = append(body, `{"event":"event_phone_call_ended","payload":`...)
	return append(appendEvent(body, n, size), '}')
}

// batch is the body that publishes several events, each of the agent that is named for its number.
func batch(agent func(n int) string, first, count, size int) []byte {
	body := append(make([]byte, 0, count*(size+minPayload)), '[')
	for n := first; n < first+count; n++ {
		if n > first {
			body = append(body, ',')
		}
		body = append(append(body, `{"agent_id":"`...), agent(n)...)
		body = append(body, `","event":"event_phone_call_ended","payload":`...)
		body = append(appendEvent(body, n, size), '}')
	}
	return append(body, ']')
}
