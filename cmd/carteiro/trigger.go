package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/publish"
)

// remote is the server that a verb talks to.
type remote struct {
	Server string `help:"URL of the server." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Token  string `help:"Token of the environment. The variable keeps it out of the process list." placeholder:"TOKEN"`
}

func (r remote) client() (*client.Client, error) {
	if r.Token == "" {
		return nil, usageError("no token: set CARTEIRO_TOKEN or --token")
	}
	return client.New(r.Server, r.Token), nil
}

type triggerCommand struct {
	remote
	Event    string `arg:"" optional:"" help:"Event type, such as event_phone_call_ended."`
	Agent    string `help:"Agent of the event." placeholder:"ID" env:"-" xor:"owner"`
	Campaign string `help:"Campaign of the event." placeholder:"ID" env:"-" xor:"owner"`
	Data     string `help:"Payload to send instead of the sample: a JSON object, @FILE, or @- for standard input." placeholder:"JSON" env:"-"`
	JSON     bool   `help:"Print {\"event_id\",\"deliveries\"}." env:"-"`
	List     bool   `help:"List the built-in event types." env:"-"`
}

// Help says more than fits a line.
func (*triggerCommand) Help() string {
	return `Publishes a realistic payload, marked "test":true, which is delivered to the webhooks that want the event as any other is.

	export CARTEIRO_TOKEN=talq_…
	carteiro trigger event_phone_call_ended --agent 01990e54-9d6b-7f00-8f63-3c1f0a5d7b21
	carteiro trigger event_action --agent 01990e54-9d6b-7f00-8f63-3c1f0a5d7b21 --data @action.json --json
	carteiro trigger --list`
}

// Run publishes the sample.
func (c *triggerCommand) Run(ctx context.Context) error {
	if c.List {
		return listEvents()
	}
	if c.Event == "" {
		return usageError("no event: carteiro trigger --list shows them")
	}
	owner, kind := client.AgentOwner(c.Agent), carteiro.OwnerAgent
	switch {
	case c.Campaign != "":
		owner, kind = client.CampaignOwner(c.Campaign), carteiro.OwnerCampaign
	case c.Agent == "":
		return usageError("no owner: set --agent ID or --campaign ID")
	}
	payload, err := c.payload(kind)
	if err != nil {
		return err
	}
	server, err := c.client()
	if err != nil {
		return err
	}
	accepted, err := server.Publish(ctx, client.Event{Owner: owner, Type: c.Event, Payload: payload})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(struct {
			EventID    string `json:"event_id"`
			Deliveries int    `json:"deliveries"`
		}{accepted.EventID, accepted.Deliveries})
	}
	_, err = fmt.Printf("event %s accepted; deliveries: %d\n", accepted.EventID, accepted.Deliveries)
	return err
}

// payload returns the data to publish: the argument of --data, the file it names, or the sample.
func (c *triggerCommand) payload(kind carteiro.OwnerKind) (json.RawMessage, error) {
	if c.Data == "" {
		return publish.SamplePayload(kind, c.Event), nil
	}
	payload := []byte(c.Data)
	if name, file := strings.CutPrefix(c.Data, "@"); file {
		var err error
		if payload, err = readData(name); err != nil {
			return nil, usageError("--data: %w", err)
		}
	}
	if !json.Valid(payload) {
		return nil, usageError("--data is not JSON")
	}
	return payload, nil
}

// maxData is the maximum size of --data @FILE in bytes: the largest payload that a server can be configured to accept.
const maxData = 16 << 20

// readData reads a file, or standard input if name is "-".
func readData(name string) ([]byte, error) {
	input := os.Stdin
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the file that the user names
		if err != nil {
			return nil, err
		}
		defer file.Close() //nolint:errcheck // only read
		input = file
	}
	text, err := io.ReadAll(io.LimitReader(input, maxData+1))
	if err == nil && len(text) > maxData {
		err = fmt.Errorf("larger than %d MiB", maxData>>20)
	}
	return text, err
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
