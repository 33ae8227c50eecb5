package layout

import (
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// contradiction is no event's number: what was delivered has no reason why it was not.
const contradiction = 1 << 20

// UndeliveredFilter reads which events are asked for: those with a number for the reason why they are undelivered, -1 for
// any, and whether only undelivered ones are.
func UndeliveredFilter(p *store.ListEvents) (number int64, only bool) {
	number = -1
	if p.Reason != "" {
		number = UndeliveredNumber(p.Reason)
	}
	switch {
	case p.Undelivered != nil && !*p.Undelivered && p.Reason != "":
		return contradiction, false
	case p.Undelivered != nil && !*p.Undelivered:
		return 0, false
	}
	return number, p.Undelivered != nil || p.Reason != ""
}

// NamedEvents gives the ids of a page of events that are named, the newest first, and fills in what else there is to say.
// It uses the room of all, which are the ids that match, in any order and possibly more than once.
func NamedEvents(all []carteiro.ID, p *store.ListEvents, page *store.EventPage) []carteiro.ID {
	slices.SortFunc(all, func(a, b carteiro.ID) int { return CompareIDs(b, a) })
	ids := slices.Compact(all)
	page.Total = len(ids)
	if !p.Before.IsZero() {
		ids = slices.DeleteFunc(ids, func(id carteiro.ID) bool { return !Less(id, p.Before) })
	}
	return EndPage(ids[min(p.Offset, len(ids)):], p.Limit, page)
}

// EndPage gives the first ids, as many as the limit, and says in the page which is the last of them when there are more.
func EndPage(ids []carteiro.ID, limit int, page *store.EventPage) []carteiro.ID {
	if len(ids) > limit {
		ids = ids[:limit]
		page.Next = ids[len(ids)-1]
	}
	return ids
}

// OwnersFor gives those whose webhooks an event can have gone to.
func OwnersFor(e *carteiro.Event) []store.OwnerRef {
	owners := []store.OwnerRef{{EnvironmentID: e.EnvironmentID, Kind: e.OwnerKind, ID: e.OwnerID}}
	if e.OwnerKind == carteiro.OwnerAgent && !e.CampaignID.IsZero() {
		owners = append(owners, store.OwnerRef{EnvironmentID: e.EnvironmentID, Kind: carteiro.OwnerCampaign, ID: e.CampaignID})
	}
	return owners
}
