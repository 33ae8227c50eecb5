package check

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

const (
	// toldWithin is how long a notice may wait where a server runs; more, and something keeps it from being told.
	toldWithin    = 15 * time.Minute
	noticesAtOnce = 1000
)

// notices examines what environments' own webhooks are to be told, and that each environment can own such a webhook. It
// comes behind the nodes: where none runs, notices wait for one.
func (d *Doctor) notices(ctx context.Context, report *Report) error {
	p := store.ListNotices{Limit: noticesAtOnce}
	for {
		var page []carteiro.Notice
		findings, err := d.twice(ctx, func() (_ []Finding, err error) {
			page, err = d.Store.ListNotices(ctx, p)
			return judgeNotices(page, report.Nodes, d.Now), err
		})
		if err != nil {
			return err
		}
		report.add(findings)
		report.Notices += len(page)
		if len(page) < p.Limit {
			return d.ownOwners(ctx, report)
		}
		p.After = page[len(page)-1].Seq
	}
}

func judgeNotices(notices []carteiro.Notice, nodes int, now time.Time) (findings []Finding) {
	for _, n := range notices {
		if waits := now.Sub(n.At); nodes > 0 && waits > toldWithin {
			findings = append(findings, Finding{
				Check: Untold, EnvironmentID: n.EnvironmentID, WebhookID: n.WebhookID, Of: strconv.FormatInt(n.Seq, 10),
				Says: fmt.Sprintf("%s of %s is not told yet, though a server runs", n.Type, n.At.UTC().Format(time.RFC3339)),
			})
		}
	}
	return findings
}

func (d *Doctor) ownOwners(ctx context.Context, report *Report) error {
	findings, err := d.twice(ctx, func() (findings []Finding, _ error) {
		environments, err := d.Store.ListEnvironments(ctx)
		for _, e := range environments {
			owner, err := d.Store.GetOwner(ctx, store.OwnerRef{EnvironmentID: e.ID, Kind: carteiro.OwnerEnvironment, ID: e.ID})
			switch {
			case errors.Is(err, store.ErrNotFound), err == nil && owner.Name != e.Name:
				findings = append(findings, Finding{
					Check: NoOwnOwner, EnvironmentID: e.ID, Says: "the environment is not the owner of its operators' webhooks, or by another name",
				})
			case err != nil:
				return nil, err
			}
		}
		return findings, err
	})
	report.add(findings)
	return err
}
