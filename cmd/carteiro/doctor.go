package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/check"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/store"
)

type doctorCommand struct {
	config.Database
	config.Encryption
	JSON bool `help:"Print the report as JSON." env:"-"`
}

// Help says more than fits a line.
func (*doctorCommand) Help() string {
	return `Looks through the whole database for what must not be: an event that is neither delivered, nor waiting, nor done with;
an attempt that is held by nobody who exists; a count that is not what counting gives; with the encryption keys, a secret
that cannot be decrypted. It changes nothing, works beside
running servers, and looks twice before it reports. The exit code is 0 when everything holds, 1 when something does
not, and 2 when it could not look.

	carteiro doctor --database sqlite:/var/lib/carteiro/carteiro.db
	carteiro doctor --json | jq .findings`
}

// recheckDelay is how long doctor waits before it looks a second time at what seems to be wrong.
const recheckDelay = time.Second

// Run examines the database, and prints the report.
func (c *doctorCommand) Run(ctx context.Context) error {
	report, err := c.examine(ctx)
	if err == nil {
		err = c.print(report)
	}
	switch {
	case err != nil:
		return codeError{fmt.Errorf("could not look through %s: %w", app.DatabaseName(c.Database), err), exitUsage}
	case report.Found > 0:
		return fmt.Errorf("%d things do not hold in %s", report.Found, app.DatabaseName(c.Database))
	}
	return nil
}

func (c *doctorCommand) examine(ctx context.Context) (_ *check.Report, err error) {
	keys, err := c.Keys()
	if err != nil {
		return nil, err
	}
	opened, err := app.OpenStore(ctx, c.Database, app.Examine, keys)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	examinable := opened.(store.Examinable) //nolint:forcetypeassert // both databases are
	return (&check.Checker{Store: examinable, Now: time.Now(), Again: recheckDelay}).Run(ctx)
}

func (c *doctorCommand) print(r *check.Report) error {
	if c.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "events\t%d\t%d without attempts\n", r.Events, r.Unwanted)
	_, _ = fmt.Fprintf(table, "deliveries\t%d\t%d delivered, %d open, %d failed\n", r.Delivered+r.Open+r.Failed, r.Delivered, r.Open, r.Failed)
	_, _ = fmt.Fprintf(table, "attempts\t%d\tfinished\n", r.Attempts)
	_, _ = fmt.Fprintf(table, "webhooks\t%d\twith those deleted\n", r.Webhooks)
	_, _ = fmt.Fprintf(table, "nodes\t%d\talive\n", r.Nodes)
	if r.Notices > 0 {
		_, _ = fmt.Fprintf(table, "notices\t%d\tnot yet told to operators' webhooks\n", r.Notices)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if r.Found == 0 {
		_, err := fmt.Printf("\nEverything holds. It took %s.\n", r.Took.Round(time.Millisecond))
		return err
	}
	fmt.Println()
	for _, f := range r.Findings {
		fmt.Printf("%s: %s%s\n", f.Check, f.Says, where(&f))
	}
	if left := r.Found - len(r.Findings); left > 0 {
		fmt.Printf("and %d more\n", left)
	}
	return nil
}

// where names what a finding is about.
func where(f *check.Finding) (names string) {
	for _, part := range []struct {
		name string
		id   carteiro.ID
	}{{"webhook", f.WebhookID}, {"event", f.EventID}, {"log", f.LogID}, {"environment", f.EnvironmentID}} {
		if !part.id.IsZero() {
			names += fmt.Sprintf(" %s=%s", part.name, part.id)
		}
	}
	return names
}
