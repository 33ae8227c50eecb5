package e2e_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/carteiro/carteiro/client"
)

// Exactly once under concurrency, on the real server: the promise that the whole log is built around.
func TestAHundredRetriesAtOnceGiveOne(t *testing.T) {
	t.Parallel()
	const rounds, callers = 5, 100
	r, let := held(t)
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)

	for range rounds {
		let <- http.StatusInternalServerError
		event := h.publish(agent)
		next(t, r.got, "the first attempt")
		failed := h.statuses(hook, event.EventID, "failed")[0]

		// The receiver keeps the one retry waiting, so that none of the others can come after its end.
		won, refused := retryAtOnce(t, h, hook, failed.ID, callers)
		if len(won) != 1 || refused[client.ReasonInProgress] != callers-1 {
			t.Fatalf("%d were answered 200, refused were %v", len(won), refused)
		}
		d := next(t, r.got, "the retry")
		let <- http.StatusOK
		logs := h.statuses(hook, event.EventID, "success", "failed")
		if logs[0].ID != won[0].LogID || d.logID() != won[0].LogID || won[0].OriginalLogID != failed.ID {
			t.Errorf("%+v was promised, %s delivered, %+v logged", won[0], d.logID(), logs[0])
		}
	}
	h.stop()
	if len(r.got) > 0 {
		t.Errorf("%d more deliveries", len(r.got))
	}
}

// A retry that was answered 200 is on disk: the process may die the next instant.
func TestARetryThatWasAnsweredSurvivesKill(t *testing.T) {
	t.Parallel()
	r, let := held(t)
	h := newHouse(t, quick...).start()
	agent := h.agent()
	hook := h.webhook(agent, r.URL, 0)
	let <- http.StatusInternalServerError
	event := h.publish(agent)
	next(t, r.got, "the first attempt")
	failed := h.statuses(hook, event.EventID, "failed")[0]

	retried, err := h.client().Retry(within(t), agent, hook.ID, failed.ID, "once")
	if err != nil {
		t.Fatal(err)
	}
	h.kill()
	h.wait(t)
	for range 2 { // the first may go to a request of the server that is dead
		let <- http.StatusOK
	}
	h.start()
	again, err := h.client().Retry(within(t), agent, hook.ID, failed.ID, "once")
	if err != nil || again != retried {
		t.Errorf("the same key gives %+v and then %+v, %v", retried, again, err)
	}
	if log := h.statuses(hook, event.EventID, "success", "failed")[0]; log.ID != retried.LogID || log.Attempt != 2 {
		t.Errorf("%+v was promised, %+v logged", retried, log)
	}
	h.stop()
}

// retryAtOnce has many callers retry one log entry, each on a connection of its own.
func retryAtOnce(t *testing.T, h *house, w client.Webhook, logID string, callers int) (won []client.Retried, refused map[string]int) {
	t.Helper()
	ctx := within(t)
	refused = make(map[string]int)
	var (
		mu    sync.Mutex
		ready sync.WaitGroup
		done  sync.WaitGroup
		begin = make(chan struct{})
	)
	for range callers {
		ready.Add(1)
		done.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c := client.New(h.url, h.token, client.WithHTTPClient(&http.Client{Transport: transport}))
			err := c.Health(ctx) // connects
			ready.Done()
			<-begin
			var retried client.Retried
			if err == nil {
				retried, err = c.Retry(ctx, w.Owner(), w.ID, logID, "")
			}
			mu.Lock()
			defer mu.Unlock()
			var no *client.Error
			switch {
			case err == nil:
				won = append(won, retried)
			case errors.As(err, &no) && no.StatusCode == 422 && no.Code == client.CodeLogNotRetriable:
				refused[no.Reason]++
			default:
				t.Error(err)
			}
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	return won, refused
}
