package api

import (
	"encoding/json"

	"github.com/carteiro/carteiro"
)

// ownerRoutes is what tells the calls on agents, those on campaigns and those on the environment itself apart. Everything else about
// them is one code.
type ownerRoutes struct {
	owner    carteiro.OwnerKind
	path     string // of one owner's, below the base
	messages messages
	notFound *failure
	// types holds the event types that can be published of an owner and subscribed to, each under its own name, so that
	// a name in a request body is looked up without being copied.
	types map[string]string
	// available is types as the list of webhooks shows them.
	available json.Marshaler
}

func newOwnerRoutes(owner carteiro.OwnerKind, catalogue *carteiro.Catalogue) *ownerRoutes {
	list := catalogue.Types(owner)
	k := &ownerRoutes{
		owner:     owner,
		path:      "/agents/{" + pathOwner + "}",
		messages:  agentMessages,
		available: descriptions(list),
	}
	switch owner {
	case carteiro.OwnerAgent:
	case carteiro.OwnerCampaign:
		k.path, k.messages, k.available = "/campaigns/{"+pathOwner+"}", campaignMessages, names(list)
	case carteiro.OwnerEnvironment:
		k.path, k.messages = "/environment", environmentMessages
	}
	k.notFound = newFailure(404, k.messages.notFound)
	k.types = make(map[string]string, len(list))
	for _, t := range list {
		k.types[t.Name] = t.Name
	}
	return k
}

// descriptions shows event types as an object, in the catalogue's order: name → description.
type descriptions []carteiro.EventType

// MarshalJSON implements json.Marshaler.
func (d descriptions) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, t := range d {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, t.Name)
		b = append(b, ':')
		b = appendString(b, t.Description)
	}
	return append(b, '}'), nil
}

// names shows event types as an array of their names.
type names []carteiro.EventType

// MarshalJSON implements json.Marshaler.
func (n names) MarshalJSON() ([]byte, error) {
	list := make([]string, len(n))
	for i, t := range n {
		list[i] = t.Name
	}
	return json.Marshal(list)
}
