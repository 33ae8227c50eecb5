package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
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

// event is a phone call's end, with its number and padded to the size wished for.
func event(n, size int) []byte {
	payload := fmt.Sprintf(`{%s%010d","call":{"id":"call_%08d","from":"+5511987654321","to":"+14155550123","duration_seconds":%d,`+
		`"sentiment":"positive"},"transcript":"`, mark, n, n, n%600)
	const end = `"}`
	return []byte(payload + strings.Repeat("x", max(0, size-len(payload)-len(end))) + end)
}

// single is the body that publishes one event.
func single(n, size int) []byte {
	return fmt.Appendf(nil, `{"event":"event_phone_call_ended","payload":%s}`, event(n, size))
}

// batch is the body that publishes several events of an agent.
func batch(agent string, first, count, size int) []byte {
	body := []byte{'['}
	for n := first; n < first+count; n++ {
		if n > first {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"agent_id":%q,"event":"event_phone_call_ended","payload":%s}`, agent, event(n, size))
	}
	return append(body, ']')
}
