package importer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/carteiro/carteiro/client"
)

// tally counts what became of endpoints, and agents that are new.
type tally struct {
	agents, made, there, refused, failed int
}

// Run says what would be made, or makes it where it is told to. What is there already it leaves as it is, so that it can be
// run again at any time, also after it was stopped half way. It fails when it cannot read, or could not make something.
func Run(ctx context.Context, c Config) error {
	if err := c.checkMap(); err != nil {
		return err
	}
	groups, err := read(ctx, c.Product, c.From, c.APIKey)
	if err != nil {
		return err
	}
	var t tally
	for _, g := range groups {
		if err := c.importGroup(ctx, g, &t); err != nil {
			return fmt.Errorf("%w (what is made stays, and is left alone when this is run again)", err)
		}
	}
	return c.printSummary(&t)
}

// checkMap looks for names that would be taken for none.
func (c *Config) checkMap() error {
	for theirs, ours := range c.Map {
		if theirs == "" || ours == "" {
			return errors.New("--map must be THEIRS=OURS")
		}
	}
	return nil
}

// importGroup says what becomes of a group, and makes it.
func (c *Config) importGroup(ctx context.Context, g *group, t *tally) error {
	d, err := c.destination(ctx, g)
	if err != nil {
		return err
	}
	if !d.exists {
		t.agents++
		c.printf("+ agent %q  %s", printable(d.name), d.id)
		if c.Apply {
			if d, err = c.createAgent(ctx, g, d); err != nil {
				return err
			}
		}
	} else if c.Owner == nil {
		c.printf("= agent %q  %s", printable(d.name), d.id)
	}
	for _, e := range g.endpoints {
		s := c.step(d, e)
		c.printStep(s)
		switch s.verdict {
		case exists:
			t.there++
		case refuse:
			t.refused++
		case create:
			if err := c.create(ctx, d, s, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// createAgent makes a group's agent and looks again: now the server tells its event types.
func (c *Config) createAgent(ctx context.Context, g *group, d *destination) (*destination, error) {
	const longest = 255
	name := []rune(d.name)
	if _, err := c.Client.PutAgent(ctx, d.id, string(name[:min(len(name), longest)])); err != nil {
		return nil, err
	}
	return c.destination(ctx, g)
}

// create makes a webhook, or counts that it would be made. One that the server refuses does not hold up the others.
func (c *Config) create(ctx context.Context, d *destination, s *step, t *tally) error {
	if !c.Apply {
		t.made++
		return nil
	}
	w, err := c.Client.CreateWebhook(ctx, d.owner, s.settings)
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.StatusCode < 500 && refused.StatusCode != 429 && refused.StatusCode != 401 {
		t.failed++
		c.printf("      refused by the server: %s", printable(refused.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	t.made++
	d.hooks = append(d.hooks, w)
	return nil
}

// printStep writes what becomes of an endpoint.
func (c *Config) printStep(s *step) {
	c.printf("  %s webhook %q  %s", s.verdict, printable(nameOf(s.endpoint)), printable(s.url))
	if s.verdict == create {
		if len(s.settings.Events) > 0 {
			c.printf("      events: %s", strings.Join(s.settings.Events, ", "))
		}
		if s.disabled {
			c.printf("      disabled, as it is there")
		}
	}
	for _, note := range s.notes {
		c.printf("      %s", printable(note))
	}
}

func (c *Config) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Out, format+"\n", args...) // there is nobody else to tell
}

// printSummary says what came of it all.
func (c *Config) printSummary(t *tally) error {
	c.printf("")
	what := fmt.Sprintf("agents: %d, webhooks: %d", t.agents, t.made)
	rest := fmt.Sprintf("there already: %d; cannot be carried: %d", t.there, t.refused)
	switch {
	case t.agents+t.made+t.failed == 0:
		c.printf("Nothing is to be made. %s.", capitalize(rest))
	case c.Apply:
		c.printf("Made: %s; %s.", what, rest)
	default:
		c.printf("To be made: %s; %s.\nNothing is made yet: run it again with --yes.", what, rest)
	}
	if t.failed > 0 {
		return fmt.Errorf("%d webhooks were refused by the server", t.failed)
	}
	return nil
}

func capitalize(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// printable leaves out what a terminal takes for commands.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
