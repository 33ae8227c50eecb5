package carteiro

import "time"

// OwnerKind says what a webhook belongs to and an event happened to.
type OwnerKind uint8

// The kinds of owner.
const (
	OwnerAgent OwnerKind = iota + 1
	OwnerCampaign
	// OwnerEnvironment is an environment itself: its webhooks are its operators', and hear of what the server did to the
	// others ([Notification]). Its id is the environment's; it comes with the environment, and nobody publishes events of it.
	OwnerEnvironment
)

// String gives "agent", "campaign" or "environment".
func (k OwnerKind) String() string {
	switch k {
	case OwnerAgent:
		return "agent"
	case OwnerCampaign:
		return "campaign"
	case OwnerEnvironment:
		return "environment"
	default:
		return "unknown"
	}
}

// Owner is an agent, a campaign or an environment: what webhooks belong to and events happen to. Carteiro keeps a registry
// of agents and campaigns, by their callers' own ids where wished, and knows nothing of them but the name.
type Owner struct {
	Kind          OwnerKind
	ID            ID
	EnvironmentID ID
	Name          string
	AgentID       ID // of a campaign: the agent that makes its calls; zero when it has none
	CreatedAt     time.Time
	UpdatedAt     time.Time
}
