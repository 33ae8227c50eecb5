package carteiro_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestAWebhookWantsWhatItSubscribedTo(t *testing.T) {
	agent := carteiro.Webhook{OwnerKind: carteiro.OwnerAgent, Enabled: true, Events: []string{"event_recording"}}
	campaign := carteiro.Webhook{OwnerKind: carteiro.OwnerCampaign, Enabled: true, Events: []string{"campaign.started"}}
	calls := campaign
	calls.IncludeCallEvents = true
	disabled, deleted := agent, agent
	disabled.Enabled = false
	deleted.DeletedAt = noon
	for name, c := range map[string]struct {
		webhook carteiro.Webhook
		kind    carteiro.OwnerKind
		event   string
		want    bool
	}{
		"an agent's event it chose":                      {agent, carteiro.OwnerAgent, "event_recording", true},
		"not one it did not choose":                      {agent, carteiro.OwnerAgent, "event_action", false},
		"not while disabled":                             {disabled, carteiro.OwnerAgent, "event_recording", false},
		"not once deleted":                               {deleted, carteiro.OwnerAgent, "event_recording", false},
		"a campaign's event it chose":                    {campaign, carteiro.OwnerCampaign, "campaign.started", true},
		"no call events unless it includes them":         {campaign, carteiro.OwnerAgent, "event_action", false},
		"all call events when it includes them":          {calls, carteiro.OwnerAgent, "event_action", true},
		"including calls does not widen campaign events": {calls, carteiro.OwnerCampaign, "campaign.paused", false},
	} {
		if got := c.webhook.Wants(c.kind, c.event); got != c.want {
			t.Errorf("%s: Wants(%v, %s) = %v", name, c.kind, c.event, got)
		}
	}
}

func TestTheStatusOfAWebhook(t *testing.T) {
	for _, c := range []struct {
		enabled bool
		circuit carteiro.Circuit
		want    carteiro.WebhookStatus
	}{
		{true, carteiro.Circuit{}, carteiro.WebhookActive},
		{true, carteiro.Circuit{ClosedAt: time.Unix(1, 0)}, carteiro.WebhookActive},
		{true, carteiro.Circuit{OpenedAt: time.Unix(1, 0)}, carteiro.WebhookError},
		{false, carteiro.Circuit{OpenedAt: time.Unix(1, 0)}, carteiro.WebhookDisabled},
	} {
		w := carteiro.Webhook{Enabled: c.enabled, Circuit: c.circuit}
		if got := w.Status(); got != c.want {
			t.Errorf("enabled %v with %+v: %s, want %s", c.enabled, c.circuit, got, c.want)
		}
	}
}

func TestTheCatalogueHoldsTheContractsEventsAndTheOperators(t *testing.T) {
	more := []carteiro.EventType{{Name: "event_of_ours", Description: "Ours"}}
	c := carteiro.NewCatalogue(more, nil)
	if n := len(c.Types(carteiro.OwnerAgent)); n != 22+1 {
		t.Errorf("%d agent events", n)
	}
	if n := len(c.Types(carteiro.OwnerCampaign)); n != 13 {
		t.Errorf("%d campaign events", n)
	}
	if first := c.Types(carteiro.OwnerAgent)[0]; first != (carteiro.EventType{Name: "event_phone_call_started", Description: "Phone call has started"}) {
		t.Errorf("the first is %v", first)
	}
	for _, name := range []string{"event_phone_call_started", "event_of_ours"} {
		if !c.Has(carteiro.OwnerAgent, name) || c.Has(carteiro.OwnerCampaign, name) {
			t.Errorf("%s is an agent's event and no campaign's", name)
		}
	}
	if carteiro.NewCatalogue(nil, nil).Has(carteiro.OwnerAgent, "event_of_ours") {
		t.Error("one catalogue's own events leak into another")
	}
}

func TestTokensAreLongRandomAndKnownByTheirHash(t *testing.T) {
	a, b := carteiro.NewTokenSecret(), carteiro.NewTokenSecret()
	if a == b || !strings.HasPrefix(a, carteiro.TokenPrefix) || len(a) < 48 {
		t.Errorf("tokens %q and %q", a, b)
	}
	again := carteiro.HashToken(a)
	if carteiro.HashToken(a) != again || carteiro.HashToken(b) == again {
		t.Error("a hash must tell its token and no other")
	}
}

func TestATokenExpiresAtItsEndAndNotBefore(t *testing.T) {
	token := carteiro.Token{ExpiresAt: noon}
	for at, want := range map[time.Time]bool{noon.Add(-1): false, noon: true, noon.Add(time.Hour): true} {
		if got := token.Expired(at); got != want {
			t.Errorf("at %v: expired %v", at, got)
		}
	}
	if (carteiro.Token{}).Expired(noon) {
		t.Error("a token without end has expired")
	}
}

func TestHeadersThatSeemToCarryCredentialsAreSecretive(t *testing.T) {
	for name, want := range map[string]bool{
		"Authorization": true, "X-API-Key": true, "x-auth": true, "Cookie": true, "X-Token": true, "X-Tenant": false, "Accept": false,
	} {
		if carteiro.Secretive(name) != want {
			t.Errorf("Secretive(%s) = %v", name, !want)
		}
	}
}
