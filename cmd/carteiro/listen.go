package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/term"

	"github.com/carteiro/carteiro/client"
	"github.com/carteiro/carteiro/internal/listen"
)

type listenCommand struct {
	remote
	Forward  string        `help:"URL of the local program, such as http://localhost:3000/hook." placeholder:"URL" env:"-"`
	Webhook  string        `help:"Webhook whose deliveries to forward." placeholder:"ID" env:"-"`
	Agent    string        `help:"Agent of the webhook (default: looked up)." placeholder:"ID" env:"-" xor:"owner"`
	Campaign string        `help:"Campaign of the webhook (default: looked up)." placeholder:"ID" env:"-" xor:"owner"`
	Header   []string      `help:"Additional header, such as \"Authorization: Bearer local\"; repeatable." placeholder:"NAME: VALUE" env:"-" sep:"none"`
	Timeout  time.Duration `help:"Timeout of the local program's response." default:"30s" env:"-"`
}

// Help says more than fits a line.
func (*listenCommand) Help() string {
	return `Each delivery of the webhook is forwarded as its receiver gets it, newly signed, whatever the receiver answers; the log
does not change. Automatic retries are not forwarded; those that somebody asks for are. When the connection is cut it goes
on where it was. The token needs the scopes read and webhooks. Ctrl-C sums up.

	export CARTEIRO_TOKEN=talq_…
	carteiro listen --forward http://localhost:3000/hook --webhook 01990e60-0c2b-7d11-9c7e-5a4b3c2d1e0f`
}

// Run listens.
func (c *listenCommand) Run(ctx context.Context) error {
	forward, header, err := c.local()
	if err != nil {
		return err
	}
	if c.Webhook == "" {
		return usageError("no webhook: set --webhook ID")
	}
	server, err := c.client()
	if err != nil {
		return err
	}
	owner, err := c.owner(ctx, server)
	if err != nil {
		return err
	}
	webhook, err := server.GetWebhook(ctx, owner, c.Webhook)
	if err != nil {
		return err
	}
	config := listen.Config{
		Client: server, Webhook: webhook, Forward: forward, Header: header, Timeout: c.Timeout, Out: os.Stdout,
		Color: os.Getenv("NO_COLOR") == "",
	}
	if out := int(os.Stdout.Fd()); term.IsTerminal(out) && os.Getenv("TERM") != "dumb" {
		config.Width = func() int {
			width, _, _ := term.GetSize(out) // 0 where it cannot be told
			return width
		}
	}
	return listen.Run(ctx, config)
}

// local reads what the local program is called with.
func (c *listenCommand) local() (*url.URL, http.Header, error) {
	if c.Forward == "" {
		return nil, nil, usageError("no destination: set --forward, for example http://localhost:3000/hook")
	}
	forward, err := url.Parse(c.Forward)
	if err != nil || forward.Scheme != "http" && forward.Scheme != "https" || forward.Host == "" {
		return nil, nil, usageError("--forward %q is not an HTTP or HTTPS URL such as http://localhost:3000/hook", c.Forward)
	}
	if c.Timeout <= 0 {
		return nil, nil, usageError("--timeout must be positive")
	}
	header := make(http.Header)
	for _, text := range c.Header {
		name, value, found := strings.Cut(text, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, nil, usageError("--header %q is not a header such as \"Authorization: Bearer local\"", text)
		}
		header.Add(name, value)
	}
	return forward, header, nil
}

// maxLookedFor is how many pages of webhooks are looked through for one.
const maxLookedFor = 50

// owner is whose webhook it is: what the caller says, or what a search finds.
func (c *listenCommand) owner(ctx context.Context, server *client.Client) (client.Owner, error) {
	switch {
	case c.Agent != "":
		return client.AgentOwner(c.Agent), nil
	case c.Campaign != "":
		return client.CampaignOwner(c.Campaign), nil
	}
	for page := 1; page <= maxLookedFor; page++ {
		found, p, err := server.FindWebhooks(ctx, client.ListFilter{PerPage: 100, Page: page})
		if err != nil {
			return client.Owner{}, err
		}
		for _, w := range found {
			if strings.EqualFold(w.WebhookID, c.Webhook) {
				return w.Owner(), nil
			}
		}
		if page >= p.LastPage {
			return client.Owner{}, fmt.Errorf("there is no webhook %s in this environment", c.Webhook)
		}
	}
	return client.Owner{}, errors.New("the webhook is not among the first 5000: say whose it is, with --agent ID or --campaign ID")
}
