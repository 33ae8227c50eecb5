// Command receiver takes webhooks and verifies that they are genuine.
package main

import (
	"cmp"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// maxBody is more than a server sends, unless it is set to.
const maxBody = 1 << 20

func main() {
	webhook, err := standardwebhooks.NewWebhook(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal("WEBHOOK_SECRET: ", err)
	}
	address := cmp.Or(os.Getenv("ADDRESS"), "127.0.0.1:9000")
	http.Handle("POST /hook", &receiver{webhook: webhook, seen: make(map[string]bool)})
	server := &http.Server{Addr: address, ReadTimeout: 10 * time.Second}
	log.Print("receiving at http://", address, "/hook")
	log.Fatal(server.ListenAndServe())
}

type receiver struct {
	webhook *standardwebhooks.Webhook

	mu   sync.Mutex
	seen map[string]bool // in earnest: a unique key in your database
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	// The bytes as they came: the signature is over them.
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	if err := r.webhook.Verify(body, req.Header); err != nil {
		log.Print("refused: ", err)
		http.Error(w, "not genuine", http.StatusUnauthorized)
		return
	}
	var event struct {
		Event string `json:"event"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	id := req.Header.Get("webhook-id")
	if r.first(id) {
		log.Print("accepted: ", event.Event, " ", id) // here the work would be queued
	} else {
		log.Print("known: ", id)
	}
	w.WriteHeader(http.StatusNoContent)
}

// first says whether an event has not come before.
func (r *receiver) first(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.seen[id]
	r.seen[id] = true
	return !known
}
