// Package demo shows what a server does: it registers an agent and a webhook through the API, publishes the events of
// made-up phone calls, receives their deliveries at a receiver that fails now and then, and prints what happens along
// with commands to try.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro/client"
)

// Config is what a demo needs. Zero numbers take the defaults.
type Config struct {
	BaseURL string        // of the server, such as http://127.0.0.1:8080
	Token   string        // of the environment to fill
	Out     io.Writer     // nothing is written to it once Run has returned
	Every   time.Duration // between two events; default one second
	Seed    uint64        // of what is left to chance; 0 for another at each run
}

const (
	agentName = "Ana, sales assistant"
	// timeout is the shortest that a webhook can have, so that a receiver that hangs shows soon.
	timeout = 5 * time.Second
	// maxRetries is small, so that some deliveries fail for good soon and there is something to retry by hand.
	maxRetries = 1
	// finalCheck is how often the log is asked whether a delivery has failed for good, once the receiver has refused
	// it for the last time. The API has no call that waits.
	finalCheck = 250 * time.Millisecond
)

// Run shows the demo until ctx ends, which is no error. It fails when the server refuses what it is shown with.
func Run(ctx context.Context, c Config) error {
	if c.Every == 0 {
		c.Every = time.Second
	}
	if c.Seed == 0 {
		c.Seed = randv2.Uint64() //nolint:gosec // calls are made up, not secret
	}
	d := &demo{Config: c, api: client.New(c.BaseURL, c.Token, client.WithUserAgent("carteiro-demo")), out: &lines{w: c.Out}}
	defer d.out.end()
	receiver, err := startReceiver(c.Seed, d.out)
	if err != nil {
		return err
	}
	defer receiver.stop()
	if err := d.register(ctx, receiver.url); err != nil {
		return isCanceled(ctx, err)
	}
	d.printIntroduction()
	return isCanceled(ctx, d.show(ctx, receiver.exhausted))
}

// isCanceled says nothing of an error that is only the demo's end.
func isCanceled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type demo struct {
	Config
	api     *client.Client
	out     *lines
	agent   client.Agent
	webhook client.Webhook
	secret  string
}

func (d *demo) register(ctx context.Context, receiver string) (err error) {
	if d.agent, err = d.api.PutAgent(ctx, client.NewID(), agentName); err != nil {
		return fmt.Errorf("demo: register an agent: %w", err)
	}
	d.secret = newSecret()
	d.webhook, err = d.api.CreateWebhook(ctx, client.AgentOwner(d.agent.ID), client.WebhookSettings{
		Name:       "Demo receiver",
		URL:        receiver,
		Events:     eventTypes(),
		Secret:     &d.secret,
		Timeout:    int(timeout / time.Second),
		MaxRetries: new(maxRetries),
	})
	if err != nil {
		return fmt.Errorf("demo: register a webhook: %w", err)
	}
	return nil
}

func newSecret() string {
	var key [24]byte
	_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the program instead
	return "whsec_" + base64.StdEncoding.EncodeToString(key[:])
}

// printIntroduction says what is there and what can be tried.
func (d *demo) printIntroduction() {
	d.out.printf(
		"",
		"This is Carteiro with made-up phone calls. The receiver below fails about one delivery in five.",
		"Everything is kept in a temporary file that is deleted at the end (Ctrl-C).",
		"",
		"  API      "+d.BaseURL+"/api/v1",
		"  token    "+d.Token,
		"  page     "+d.BaseURL+"/  (sign in with the token)",
		"  agent    "+d.agent.ID+"  "+d.agent.Name,
		"  webhook  "+d.webhook.ID+"  -> "+d.webhook.URL,
		"  secret   "+d.secret,
		"",
		"Lines to paste into another terminal. The newest log entries:",
		"",
		"  "+d.curl("GET", "/webhooks/"+d.webhook.ID+"/logs?per_page=5", ""),
		"",
		"Those that failed:",
		"",
		"  "+d.curl("GET", "/webhooks/"+d.webhook.ID+"/logs?status=failed&per_page=5", ""),
		"",
		"Publish an event by hand:",
		"",
		"  "+d.curl("POST", "/events", `{"event":"event_phone_call_ended","payload":{"call":{"id":"by-hand"},"duration_seconds":42}}`),
		"",
		"How to retry a failed delivery is said as soon as one has failed for good. What the receiver gets:",
		"",
	)
}

// curl gives a command that calls the API at a path below the agent's, and works as it is pasted.
func (d *demo) curl(method, path, body string) string {
	words := []string{"curl", "-s"}
	if method != "GET" {
		words = append(words, "-X", method)
	}
	words = append(words, "-H", quoted("Authorization: Bearer "+d.Token))
	if body != "" {
		words = append(words, "-H", quoted("Content-Type: application/json"), "-d", quoted(body))
	}
	return strings.Join(append(words, quoted(d.BaseURL+"/api/v1/agents/"+d.agent.ID+path)), " ")
}

// quoted puts a word that holds no single quote between two.
func quoted(word string) string { return "'" + word + "'" }

// show publishes, and says how to retry the first delivery that has failed for good.
func (d *demo) show(ctx context.Context, exhausted <-chan string) error {
	random := randv2.New(randv2.NewPCG(d.Seed, 1)) //nolint:gosec // calls are made up, not secret
	calls := []*call{newCall(random), newCall(random)}
	publish := time.NewTicker(d.Every)
	defer publish.Stop()
	check := time.NewTicker(finalCheck)
	defer check.Stop()
	var suspect string // a log entry that the receiver has refused for the last time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case suspect = <-exhausted:
			exhausted = nil
		case <-check.C:
			if suspect != "" && d.printRetry(ctx, suspect) {
				suspect = ""
			}
		case now := <-publish.C:
			i := random.IntN(len(calls))
			d.publish(ctx, calls[i].next(now))
			if calls[i].done() {
				calls = slices.Replace(calls, i, i+1, newCall(random))
			}
		}
	}
}

func (d *demo) publish(ctx context.Context, e step) {
	_, err := d.api.Publish(ctx, client.Event{
		Owner: client.AgentOwner(d.agent.ID), Type: e.event, Payload: e.payload, OccurredAt: e.at,
	})
	if err != nil && ctx.Err() == nil {
		d.out.printf("not published: " + err.Error())
	}
}

// printRetry prints how to retry a log entry by hand, once it reads failed. Not done means that it is to be asked again.
func (d *demo) printRetry(ctx context.Context, logID string) (done bool) {
	log, err := d.api.GetLog(ctx, client.AgentOwner(d.agent.ID), d.webhook.ID, logID)
	if err != nil || log.Status == client.StatusPending {
		return false
	}
	if log.Status == client.StatusFailed {
		d.out.printf(
			"",
			"This delivery has failed for good ("+log.Error+"). Retry it by hand:",
			"",
			"  "+d.curl("POST", "/webhooks/"+d.webhook.ID+"/logs/"+log.ID+"/retry", ""),
			"",
		)
	}
	return true
}
