package carteiro

import "time"

// OwnerKind says what a webhook belongs to and an event happened to.
type OwnerKind uint8

// The two kinds of owner.
const (
	OwnerAgent OwnerKind = iota + 1
	OwnerCampaign
)

// String gives "agent" or "campaign".
func (k OwnerKind) String() string {
	switch k {
	case OwnerAgent:
		return "agent"
	case OwnerCampaign:
		return "campaign"
	default:
		return "unknown"
	}
}

// Owner is an agent or a campaign: what webhooks belong to and events happen to. Carteiro keeps a registry of them,
// by their callers' own ids where wished, and knows nothing of them but the name.
type Owner struct {
	Kind          OwnerKind
	ID            ID
	EnvironmentID ID
	Name          string
	AgentID       ID // of a campaign: the agent that makes its calls; zero when it has none
	CreatedAt     time.Time
	UpdatedAt     time.Time
}
