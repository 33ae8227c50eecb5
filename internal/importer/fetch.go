package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxResponse   = 32 << 20 // bytes
	maxPages      = 10_000
	callTimeout   = 30 * time.Second
	maxTries      = 4           // of a call that is put off
	maxRetryDelay = time.Minute // between two of them
)

var errNotFound = errors.New("not found")

var errTooManyPages = errors.New("a list does not end")

// api is another product's API, which is only read.
type api struct {
	base, key string
	http      *http.Client
}

func newAPI(base, key string) *api {
	return &api{strings.TrimRight(base, "/"), key, &http.Client{
		Timeout: callTimeout,
		// The key is for this server alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// get reads what is at a path. When the server asks for patience it gets some.
func (a *api) get(ctx context.Context, path string, query url.Values, into any) error {
	for try := 1; ; try++ {
		wait, err := a.tryGet(ctx, path, query, into)
		if err == nil || wait == 0 || try == maxTries {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryGet is one try; wait is above 0 when another may do better.
func (a *api) tryGet(ctx context.Context, path string, query url.Values, into any) (wait time.Duration, err error) {
	target := a.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	req.Header.Set("Accept", "application/json")
	resp, err := a.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	switch {
	case err != nil:
		return 0, fmt.Errorf("read %s: %w", path, err)
	case len(text) > maxResponse:
		return 0, fmt.Errorf("%s answers more than %d MiB", path, maxResponse>>20)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return 0, fmt.Errorf("%s is answered %s: is the API key the right one?", path, resp.Status)
	case resp.StatusCode == http.StatusNotFound:
		return 0, fmt.Errorf("%s: %w", path, errNotFound)
	case resp.StatusCode != http.StatusOK:
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
			wait = retryDelay(resp.Header.Get("Retry-After"))
		}
		return wait, fmt.Errorf("%s is answered %s", path, resp.Status)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return 0, fmt.Errorf("understand the answer of %s: %w", path, err)
	}
	return 0, nil
}

// retryDelay is how long to wait, where the server says it in seconds.
func retryDelay(asked string) time.Duration {
	seconds, err := strconv.ParseUint(asked, 10, 16)
	if err != nil || seconds == 0 {
		return time.Second
	}
	return min(time.Duration(seconds)*time.Second, maxRetryDelay)
}
