package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/carteiro/carteiro/client"
)

// An operator's program makes an environment, hands out a token, and sees afterwards what was done with it.
func TestAProgramAdministersAServer(t *testing.T) {
	t.Parallel()
	const adminToken = "an admin token of more than 32 characters"
	h := newHouseIn(t, []string{"CARTEIRO_ADMIN_TOKEN=" + adminToken}, quick...).start()
	ctx := within(t)
	admin := client.NewAdmin(h.url, adminToken)
	made, err := admin.CreateEnvironment(ctx, "staging")
	must(t, err)
	support, err := admin.CreateToken(ctx, made.ID, client.TokenSettings{
		Name: "support", Scopes: []string{client.ScopeRead, client.ScopeWebhooks, client.ScopePublish}, ExpiresAt: time.Now().Add(time.Hour),
	})
	must(t, err)

	c := client.New(h.url, support.Secret)
	agent, err := c.CreateAgent(ctx, "Ana")
	must(t, err)
	owner, r := client.AgentOwner(agent.ID), newReceiver(t, always(http.StatusOK))
	hook, err := c.CreateWebhook(ctx, owner, client.WebhookSettings{Name: "CRM", URL: r.URL, Events: []string{"event_action"}})
	must(t, err)
	followed := make(chan client.Log, 10)
	opened := make(chan struct{}, 1)
	following, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- c.FollowLogs(following, owner, hook.ID, client.LogFilter{}, client.Follower{
			Log:  func(l client.Log) { followed <- l },
			Open: func() { opened <- struct{}{} },
		})
	}()
	next(t, opened, "the stream")
	event, err := c.Publish(ctx, client.Event{Owner: owner, Type: "event_action"})
	must(t, err)
	for l := (client.Log{}); l.Status != client.StatusSuccess || l.EventID != event.EventID; {
		l = next(t, followed, "the delivery's end")
	}
	stop()
	if err := next(t, ended, "the stream to end"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	fresh, err := admin.RotateToken(ctx, made.ID, support.ID, client.TokenRotation{})
	must(t, err)
	if _, err := c.Session(ctx); !refusedWith(err, client.CodeTokenExpired) {
		t.Errorf("the old token is answered %v", err)
	}
	must(t, admin.RevokeToken(ctx, made.ID, fresh.ID))
	if _, err := client.New(h.url, fresh.Secret).Session(ctx); !refusedWith(err, client.CodeUnauthorized) {
		t.Errorf("the revoked token is answered %v", err)
	}
	tokens, p, err := admin.ListTokens(ctx, made.ID, 0, 0)
	must(t, err)
	if p.Total != 2 || tokens[1].ID != support.ID {
		t.Errorf("%d tokens: %+v", p.Total, tokens)
	}

	want := []string{
		"token.revoked", "token.rotated", "webhook.created", "owner.created", "token.created", "environment.created",
	}
	for _, page := range []int{2, 100} {
		var done []string
		for entry, err := range admin.Audit(ctx, made.ID, client.AuditFilter{PerPage: page}) {
			must(t, err)
			done = append(done, entry.Action)
		}
		if !slices.Equal(done, want) {
			t.Errorf("in pages of %d the audit log is %q, want %q", page, done, want)
		}
	}
	for entry, err := range client.New(h.url, made.Token.Secret).Audit(ctx, client.AuditFilter{SubjectID: hook.ID}) {
		must(t, err)
		if entry.Actor.TokenID != support.ID || entry.Subject.Name != "CRM" || len(entry.Changes) == 0 {
			t.Errorf("%+v", entry)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refusedWith(err error, code string) bool {
	refused, ok := errors.AsType[*client.Error](err)
	return ok && refused.Code == code
}
