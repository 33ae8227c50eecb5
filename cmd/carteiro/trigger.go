package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"carteiro"
	"carteiro/client"
	"carteiro/internal/sample"
)

// remote is the server that a verb talks to.
type remote struct {
	Server string `help:"Where the server is." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Token  string `help:"Token of the environment. The variable keeps it out of the list of processes." placeholder:"TOKEN"`
}

func (r remote) client() (*client.Client, error) {
	if r.Token == "" {
		return nil, errors.New("no token: set CARTEIRO_TOKEN, or give --token")
	}
	return client.New(r.Server, r.Token), nil
}

type triggerCommand struct {
	remote
	Event    string `arg:"" optional:"" help:"Event type, as event_phone_call_ended."`
	Agent    string `help:"Agent to which it happens." placeholder:"ID" env:"-" xor:"owner"`
	Campaign string `help:"Campaign to which it happens." placeholder:"ID" env:"-" xor:"owner"`
	Data     string `help:"Payload to send instead of the sample, a JSON object." placeholder:"JSON" env:"-"`
	List     bool   `help:"List the built-in event types." env:"-"`
}

// Help says more than fits a line.
func (*triggerCommand) Help() string {
	return `Publishes a realistic payload, marked "test":true, which is delivered to the webhooks that want the event as any other is.

	export CARTEIRO_TOKEN=talq_…
	carteiro trigger event_phone_call_ended --agent 01990e54-9d6b-7f00-8f63-3c1f0a5d7b21
	carteiro trigger --list`
}

// Run publishes the sample.
func (c *triggerCommand) Run(ctx context.Context) error {
	if c.List {
		return listEvents()
	}
	if c.Event == "" {
		return errors.New("name an event: carteiro trigger --list shows them")
	}
	owner, kind := client.AgentOwner(c.Agent), carteiro.OwnerAgent
	switch {
	case c.Campaign != "":
		owner, kind = client.CampaignOwner(c.Campaign), carteiro.OwnerCampaign
	case c.Agent == "":
		return errors.New("say to whom it happens: --agent ID or --campaign ID")
	}
	payload := sample.Payload(kind, c.Event)
	if c.Data != "" {
		payload = []byte(c.Data)
	}
	if !json.Valid(payload) {
		return errors.New("--data is not JSON")
	}
	server, err := c.client()
	if err != nil {
		return err
	}
	accepted, err := server.Publish(ctx, client.Event{Owner: owner, Type: c.Event, Payload: json.RawMessage(payload)})
	if err != nil {
		return err
	}
	_, err = fmt.Printf("event %s accepted; deliveries: %d\n", accepted.EventID, accepted.Deliveries)
	return err
}

func listEvents() error {
	catalogue := carteiro.NewCatalogue(nil, nil)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, kind := range []carteiro.OwnerKind{carteiro.OwnerAgent, carteiro.OwnerCampaign} {
		for _, event := range catalogue.Types(kind) {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", kind, event.Name, event.Description)
		}
	}
	return table.Flush()
}
