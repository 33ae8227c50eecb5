package carteiro

import "slices"

// EventType is a kind of event that webhooks can subscribe to and publishers can publish.
type EventType struct {
	Name        string
	Description string // short, in English, shown next to the type
}

// Catalogue is the event types of a server, by kind of owner, in the order in which they are listed.
// It is fixed once the server runs and safe for concurrent use.
type Catalogue struct {
	agent    []EventType
	campaign []EventType
	operator []EventType
}

// NewCatalogue gives the contract's event types and, behind them, the operator's own.
func NewCatalogue(moreAgent, moreCampaign []EventType) *Catalogue {
	return &Catalogue{
		agent:    append(slices.Clone(agentEvents), moreAgent...),
		campaign: append(slices.Clone(campaignEvents), moreCampaign...),
		operator: operatorEvents,
	}
}

// Types lists what a webhook of this kind of owner may subscribe to, and what may be published of an agent or a campaign.
func (c *Catalogue) Types(kind OwnerKind) []EventType {
	switch kind {
	case OwnerCampaign:
		return c.campaign
	case OwnerEnvironment:
		return c.operator
	default:
		return c.agent
	}
}

// Has says whether the catalogue holds this event type for this kind of owner.
func (c *Catalogue) Has(kind OwnerKind, name string) bool {
	return slices.ContainsFunc(c.Types(kind), func(t EventType) bool { return t.Name == name })
}

var agentEvents = []EventType{
	{"event_phone_call_started", "Phone call has started"},
	{"event_phone_call_ended", "Phone call has ended"},
	{"event_phone_call_did_not_connect", "Phone call failed to connect"},
	{"event_phone_call_connected", "Phone call connection established"},
	{"event_phone_call_disconnected", "Phone call connection closed"},
	{"event_phone_call_error", "Phone call connection error occurred"},
	{"event_participant_joined", "Participant joined the call"},
	{"event_participant_left", "Participant left the call"},
	{"event_voicemail_detected", "Voicemail system detected"},
	{"event_voicemail_message_left", "Message left on voicemail"},
	{"event_conversation_started", "Human conversation started"},
	{"event_conversation_ended", "Human conversation ended"},
	{"event_action", "Agent executed an action"},
	{"event_action_failed", "Agent action failed"},
	{"event_recording", "Call recording event"},
	{"event_connection_established", "Call connection established"},
	{"event_connection_closed", "Call connection closed"},
	{"event_connection_error", "Call connection error occurred"},
	{"event_user_connected", "User connected to the call"},
	{"event_user_disconnected", "User disconnected from the call"},
	{"event_client_connected", "Client connected to the call"},
	{"event_client_disconnected", "Client disconnected from the call"},
}

var campaignEvents = []EventType{
	{"campaign.created", "Campaign was created"},
	{"campaign.started", "Campaign has started"},
	{"campaign.paused", "Campaign was paused"},
	{"campaign.completed", "Campaign has completed"},
	{"campaign.updated", "Campaign was updated"},
	{"campaign_call.queued", "Call was queued"},
	{"campaign_call.started", "Call has started"},
	{"campaign_call.completed", "Call has completed"},
	{"campaign_call.retry_scheduled", "Call will be tried again"},
	{"campaign_call.failed", "Call has failed"},
	{"event_recording", "Recording is available"},
	{"event_call_transcript", "Call transcript is available"},
	{"event_call_report", "Call report is available"},
}

var operatorEvents = []EventType{
	{WebhookErrorEvent, "Webhook keeps failing, its deliveries wait"},
	{WebhookRecoveredEvent, "Webhook is well again, its deliveries flow"},
	{WebhookDisabledEvent, "Webhook was disabled by the server"},
	{DeliveryExhaustedEvent, "Delivery has failed for good"},
}
