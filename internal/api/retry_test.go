package api_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func refused(reason string) string {
	return `{"success":false,"message":"Log cannot be retried","code":"LOG_NOT_RETRIABLE","reason":"` + reason + `"}`
}

func TestARetryIsANewEntryAndLeavesTheOldOne(t *testing.T) {
	for plural, message := range map[string]string{"agents": "Webhook retry queued successfully", "campaigns": "Webhook retry queued"} {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			o := w.newOwner(w.home, plural)
			log := w.failedLog(o)
			before := w.call("GET", log, nil).has(200).body
			r := w.call("POST", log+"/retry", nil).has(200, `{"success":true,"message":"`+message+`","data":{"log_id":"`)
			if !timePattern.MatchString(r.text("data.queued_at")) || !strings.HasSuffix(log, r.text("data.original_log_id")) {
				t.Errorf("answered %s", r.body)
			}
			w.call("GET", o.hook+"/logs/"+r.text("data.log_id"), nil).has(200, `"status":"pending"`, `"attempt":2`, `"trigger":"manual"`,
				`"original_log_id":"`+r.text("data.original_log_id")+`"`)
			w.call("GET", log, nil).is(200, before)
			w.call("POST", log+"/retry", nil).is(422, refused("in_progress"))
			w.call("POST", o.hook+"/logs/"+r.text("data.log_id")+"/retry", nil).is(422, refused("in_progress"))
			w.finish(o, answeredWith(200), time.Time{})
			w.call("POST", log+"/retry", nil).is(422, refused("already_succeeded"))
			w.call("POST", o.hook+"/logs/"+r.text("data.log_id")+"/retry", nil).is(422, refused("already_succeeded"))
		})
	}
}

func TestWhatCannotBeRetried(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	log := w.failedLog(o)
	w.call("PATCH", o.hook+"/toggle", nil).has(200)
	w.call("POST", log+"/retry", nil).is(422, refused("webhook_disabled"))
	w.call("PATCH", o.hook+"/toggle", nil).has(200)
	w.call("POST", log+"/retry", nil).has(200)
	w.finish(o, failedWith(500), time.Now().Add(time.Hour))
	r := w.call("GET", o.hook+"/logs?status=retrying", nil).has(200, `"total":1`)
	w.call("POST", o.hook+"/logs/"+r.text("data.0.id")+"/retry", nil).is(422, refused("in_progress"))
}

func TestAHundredRetriesAtOnceGiveOne(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "campaigns")
	log := w.failedLog(o)
	count := map[string]int{}
	var mu sync.Mutex
	var callers sync.WaitGroup
	start := make(chan struct{})
	for range 100 {
		callers.Go(func() {
			req, _ := w.request(w.home, "POST", log+"/retry", nil)
			<-start
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			w.validator.Check(t, req, nil, resp, body)
			answer := string(body)
			if resp.StatusCode == 200 {
				answer = "queued"
			}
			mu.Lock()
			count[answer]++
			mu.Unlock()
		})
	}
	close(start)
	callers.Wait()
	if count["queued"] != 1 || count[refused("in_progress")] != 99 {
		t.Errorf("answers %v", count)
	}
	w.call("GET", o.hook+"/logs", nil).has(200, `"total":2`)
}

func TestARetryWithAKeyIsAnsweredAsBefore(t *testing.T) {
	w := newWorld(t)
	o := w.newOwner(w.home, "agents")
	log, other := w.failedLog(o), w.failedLog(o)
	first := w.call("POST", log+"/retry", nil, "Idempotency-Key", "again").has(200)
	for range 3 {
		w.call("POST", log+"/retry", nil, "Idempotency-Key", "again").is(200, first.body)
	}
	w.call("POST", other+"/retry", nil, "Idempotency-Key", "again").is(409, keyReused)
	w.call("POST", log+"/retry", nil, "Idempotency-Key", "another").is(422, refused("in_progress"))
	w.call("POST", other+"/retry", nil, "Idempotency-Key", "another").has(200)
}
