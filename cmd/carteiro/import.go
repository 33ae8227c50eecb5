package main

import (
	"context"
	"errors"
	"os"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/importer"
)

type importCommand struct {
	Svix   importSvix   `cmd:"" help:"Import endpoints from Svix."`
	Convoy importConvoy `cmd:"" help:"Import endpoints from Convoy."`
}

// importFlags are what both have.
type importFlags struct {
	remote
	APIKey    string            `name:"api-key" help:"API key of the source. The variable keeps it out of the process list." placeholder:"KEY"`
	Agent     string            `help:"Agent that gets all webhooks, instead of one agent per application." placeholder:"ID" env:"-" xor:"owner"`
	Campaign  string            `help:"Campaign that gets all webhooks, instead of one agent per application." placeholder:"ID" env:"-" xor:"owner"`
	Map       map[string]string `help:"Map an event type of the source to one of Carteiro; repeatable." placeholder:"THEIRS=OURS" env:"-" mapsep:"none"`
	AllEvents bool              `help:"Subscribe endpoints that name no event types to all events." env:"-"`
	Yes       bool              `help:"Create the webhooks. Without this flag, the command only prints what it would create." env:"-"`
}

type importSvix struct {
	From string `arg:"" name:"file|url" help:"File as described in docs/import.md, or API URL, such as https://api.eu.svix.com."`
	importFlags
}

type importConvoy struct {
	From string `arg:"" name:"file|url" help:"File as described in docs/import.md, or a project's API URL, such as https://us.getconvoy.cloud/api/v1/projects/ID."`
	importFlags
}

// Help says more than fits a line.
func (*importSvix) Help() string {
	return `Each application becomes an agent, each endpoint a webhook with its secret, event types and headers. First it is said
what would be made and what has no place here; --yes makes it. What is there already is left as it is.

	export CARTEIRO_TOKEN=talq_…
	carteiro import svix svix.json --map invoice.paid=event_action
	CARTEIRO_API_KEY=sk_… carteiro import svix https://api.eu.svix.com --yes`
}

// Help says more than fits a line.
func (*importConvoy) Help() string {
	return `Each owner of endpoints, or the project, becomes an agent, each endpoint with its subscriptions a webhook with its secret. First
it is said what would be made and what has no place here; --yes makes it. What is there already is left as it is.

	export CARTEIRO_TOKEN=talq_…
	carteiro import convoy convoy.json --map invoice.paid=event_action
	CARTEIRO_API_KEY=… carteiro import convoy https://us.getconvoy.cloud/api/v1/projects/01H… --yes`
}

// Run brings what there is at Svix.
func (c *importSvix) Run(ctx context.Context) error { return c.run(ctx, importer.Svix, c.From) }

// Run brings what there is at Convoy.
func (c *importConvoy) Run(ctx context.Context) error { return c.run(ctx, importer.Convoy, c.From) }

func (f *importFlags) run(ctx context.Context, product importer.Product, from string) error {
	server, err := f.client()
	if err != nil {
		return err
	}
	config := importer.Config{
		Product: product, From: from, APIKey: f.APIKey, Client: server, Map: f.Map, AllEvents: f.AllEvents, Apply: f.Yes, Out: os.Stdout,
	}
	switch {
	case f.Agent != "":
		config.Owner = new(client.AgentOwner(f.Agent))
	case f.Campaign != "":
		config.Owner = new(client.CampaignOwner(f.Campaign))
	}
	for _, event := range carteiro.NewCatalogue(nil, nil).Types(carteiro.OwnerAgent) {
		config.BuiltIn = append(config.BuiltIn, event.Name)
	}
	if err := importer.Run(ctx, config); err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped; what is made stays: run it again")
		}
		return err
	}
	return nil
}
