package layout

import (
	"slices"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func TestUndeliveredEventsAreAskedForByReason(t *testing.T) {
	yes, no := true, false
	reason := carteiro.UndeliveredReasons[1]
	for name, test := range map[string]struct {
		list   store.ListEvents
		number int64
		only   bool
	}{
		"all":                      {store.ListEvents{}, -1, false},
		"undelivered":              {store.ListEvents{Undelivered: &yes}, -1, true},
		"delivered":                {store.ListEvents{Undelivered: &no}, 0, false},
		"for a reason":             {store.ListEvents{Reason: reason}, 2, true},
		"undelivered for a reason": {store.ListEvents{Undelivered: &yes, Reason: reason}, 2, true},
		"delivered for a reason":   {store.ListEvents{Undelivered: &no, Reason: reason}, contradiction, false},
	} {
		if number, only := UndeliveredFilter(&test.list); number != test.number || only != test.only {
			t.Errorf("%s: number %d, only undelivered ones: %v", name, number, only)
		}
	}
}

func TestNamedEventsComeInPages(t *testing.T) {
	id := func(n byte) carteiro.ID { return carteiro.ID{n} }
	named := func() []carteiro.ID { return []carteiro.ID{id(3), id(1), id(5), id(2), id(3), id(4)} }
	for name, test := range map[string]struct {
		list store.ListEvents
		want []carteiro.ID
		next carteiro.ID
	}{
		"all":            {store.ListEvents{Limit: 5}, []carteiro.ID{id(5), id(4), id(3), id(2), id(1)}, carteiro.ID{}},
		"the first":      {store.ListEvents{Limit: 2}, []carteiro.ID{id(5), id(4)}, id(4)},
		"before one":     {store.ListEvents{Before: id(4), Limit: 2}, []carteiro.ID{id(3), id(2)}, id(2)},
		"behind some":    {store.ListEvents{Offset: 4, Limit: 2}, []carteiro.ID{id(1)}, carteiro.ID{}},
		"behind the end": {store.ListEvents{Offset: 9, Limit: 2}, []carteiro.ID{}, carteiro.ID{}},
	} {
		var page store.EventPage
		if got := NamedEvents(named(), &test.list, &page); !slices.Equal(got, test.want) || page.Next != test.next || page.Total != 5 {
			t.Errorf("%s: %v of %d, then %v", name, got, page.Total, page.Next)
		}
	}
}

// An event of an agent that belongs to a campaign goes to the webhooks of both.
func TestACallsEventMayGoToItsCampaign(t *testing.T) {
	environment, agent, campaign := carteiro.ID{1}, carteiro.ID{2}, carteiro.ID{3}
	own := store.OwnerRef{EnvironmentID: environment, Kind: carteiro.OwnerAgent, ID: agent}
	e := &carteiro.Event{EnvironmentID: environment, OwnerKind: carteiro.OwnerAgent, OwnerID: agent}
	if got := OwnersFor(e); !slices.Equal(got, []store.OwnerRef{own}) {
		t.Errorf("without a campaign: %v", got)
	}
	e.CampaignID = campaign
	if got := OwnersFor(e); !slices.Equal(got, []store.OwnerRef{own, {EnvironmentID: environment, Kind: carteiro.OwnerCampaign, ID: campaign}}) {
		t.Errorf("with a campaign: %v", got)
	}
	e.OwnerKind = carteiro.OwnerCampaign
	if got := OwnersFor(e); len(got) != 1 || got[0].Kind != carteiro.OwnerCampaign || got[0].ID != agent {
		t.Errorf("of a campaign itself: %v", got)
	}
}
