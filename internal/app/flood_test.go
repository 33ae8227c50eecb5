package app_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/config"
)

// While some flood the API, with a good token, bad ones and none, and are told to wait, events are taken and delivered.
func TestAFloodIsTurnedAwayWhileDeliveriesGoOn(t *testing.T) {
	arrived := make(chan struct{}, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} }))
	t.Cleanup(receiver.Close)
	r := startApp(t, func(c *config.Server) { c.RateLimit = 50 })
	r.webhook(receiver.URL, 0)

	var floods, limited sync.WaitGroup
	over := make(chan struct{})
	for name, authorization := range map[string]func() string{
		"a good token": func() string { return "Bearer " + r.token },
		"bad tokens":   func() string { return "Bearer " + carteiro.NewTokenSecret() },
		"none":         func() string { return "" },
	} {
		limited.Add(1)
		floods.Go(func() {
			told := false
			for {
				select {
				case <-over:
					if !told {
						t.Errorf("%s: nobody was turned away", name)
						limited.Done()
					}
					return
				default:
				}
				status := ask(t, r, authorization())
				if status == http.StatusTooManyRequests && !told {
					told = true
					limited.Done()
				}
			}
		})
	}
	limited.Wait() // all of them are over their limits, and go on
	for range 20 {
		r.publish(nil)
		<-arrived
	}
	close(over)
	floods.Wait()
}

func ask(t *testing.T, r *running, authorization string) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Addr()+"/api/v1/agents", http.NoBody)
	if err != nil {
		t.Error(err)
		return 0
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
