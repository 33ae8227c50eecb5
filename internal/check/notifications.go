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
	// notificationTimeout is how long a notice may wait where a server runs; more, and something keeps it from being told.
	notificationTimeout   = 15 * time.Minute
	notificationsPageSize = 1000
)

// notifications examines what environments' own webhooks are to be told, and that each environment can own such a webhook. It
// comes behind the nodes: where none runs, notices wait for one.
func (d *Checker) notifications(ctx context.Context, report *Report) error {
	p := store.ListNotices{Limit: notificationsPageSize}
	for {
		var page []carteiro.Notification
		findings, err := d.confirm(ctx, func() (_ []Finding, err error) {
			page, err = d.Store.ListNotices(ctx, p)
			return checkNotifications(page, report.Nodes, d.Now), err
		})
		if err != nil {
			return err
		}
		report.add(findings)
		report.Notices += len(page)
		if len(page) < p.Limit {
			return d.environmentOwners(ctx, report)
		}
		p.After = page[len(page)-1].Seq
	}
}

func checkNotifications(notices []carteiro.Notification, nodes int, now time.Time) (findings []Finding) {
	for _, n := range notices {
		if waits := now.Sub(n.At); nodes > 0 && waits > notificationTimeout {
			findings = append(findings, Finding{
				Check: Unnotified, EnvironmentID: n.EnvironmentID, WebhookID: n.WebhookID, Of: strconv.FormatInt(n.Seq, 10),
				Says: fmt.Sprintf("%s of %s is not told yet, though a server runs", n.Type, n.At.UTC().Format(time.RFC3339)),
			})
		}
	}
	return findings
}

func (d *Checker) environmentOwners(ctx context.Context, report *Report) error {
	findings, err := d.confirm(ctx, func() (findings []Finding, _ error) {
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
