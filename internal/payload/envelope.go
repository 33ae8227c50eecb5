// Package payload makes the bodies that receivers get: the envelope round an event's payload, and what a webhook's
// template makes of that. It is pure, and works on JSON as text: a payload is spliced or quoted from, never decoded and
// encoded again, so that its numbers, its spelling and the order of its members reach the receiver as they were sent
// in.
//
// Everything here but [CheckObject] and [Compile] takes JSON that is known to be valid, and gives valid JSON for it.
// For anything else the result is not defined, but no call panics or fails to end.
//
// The scanning is this package's own rather than a path library's: members must be compared by their decoded names,
// paths must give no meaning to any character but the full stop, and all paths of a template are found in one pass.
package payload

import "time"

// Layouts of an envelope's timestamp, of UTC times (RFC 3339).
const (
	timestampLayout     = "2006-01-02T15:04:05.000000Z"
	testTimestampLayout = "2006-01-02T15:04:05.000Z"
)

// Envelope is what a default body says beside the payload's own members. The strings may hold anything; they are
// encoded as encoding/json does without escaping HTML, invalid UTF-8 replaced by U+FFFD.
type Envelope struct {
	// Event is the event type, as event_phone_call_ended or webhook.test.
	Event string
	// AgentID and AgentName are the agent of the event. An empty AgentID leaves both members out.
	AgentID, AgentName string
	// CampaignID and CampaignName are the campaign of the event or of the webhook. An empty CampaignID leaves both out.
	// An agent's call event at a webhook of a campaign carries agent and campaign.
	CampaignID, CampaignName string
	// EnvironmentID and EnvironmentName are the environment, of an event of its own. An empty EnvironmentID leaves both out.
	EnvironmentID, EnvironmentName string
	// WebhookID and WebhookName are the webhook the body goes to.
	WebhookID, WebhookName string
	// OccurredAt is when the event occurred; any location, written in UTC with six fractional digits, cut not rounded.
	OccurredAt time.Time
	// Test makes it a test body: the timestamp has three fractional digits and "test":true follows it.
	Test bool
}

// Body gives the default body: the envelope's members, then the payload's, in their order and to the byte. The payload
// must be a valid JSON object, as [CheckObject] defines it.
//
// A member of the payload that has the name of a member the envelope carries is left out, however the name is spelt
// ("ev\u0065nt" is "event"); names the envelope does not carry here, as test in a body that is no test, are the
// payload's to use. Names that the payload holds twice are otherwise left as they are.
//
// The last shared bytes of the body are the last shared bytes of the payload, so that who has the payload need keep
// only the body's head. It is 0 if a member was left out.
func (e Envelope) Body(payload []byte) (body []byte, shared int) {
	body = e.appendMembers(make([]byte, 0, e.sizeHint()+len(payload)))
	members := objectMembers(payload)
	switch {
	case members.atEnd():
		rest := payload[members.pos:]
		if len(rest) == 0 { // no object, against the contract
			return append(body, '}'), 0
		}
		return append(body, rest...), len(rest)
	case e.clashes(members):
		return e.appendOthers(body, members), 0
	}
	rest := payload[members.pos:]
	body = append(body, ',')
	return append(body, rest...), len(rest)
}

// appendMembers writes the opening brace and the envelope's members. carries must know each of them.
func (e *Envelope) appendMembers(dst []byte) []byte {
	dst = appendMember(append(dst, '{'), `"event":`, e.Event)
	if e.AgentID != "" {
		dst = appendMember(dst, `,"agent_id":`, e.AgentID)
		dst = appendMember(dst, `,"agent_name":`, e.AgentName)
	}
	if e.CampaignID != "" {
		dst = appendMember(dst, `,"campaign_id":`, e.CampaignID)
		dst = appendMember(dst, `,"campaign_name":`, e.CampaignName)
	}
	if e.EnvironmentID != "" {
		dst = appendMember(dst, `,"environment_id":`, e.EnvironmentID)
		dst = appendMember(dst, `,"environment_name":`, e.EnvironmentName)
	}
	dst = appendMember(dst, `,"webhook_id":`, e.WebhookID)
	dst = appendMember(dst, `,"webhook_name":`, e.WebhookName)
	dst = append(dst, `,"timestamp":"`...)
	if e.Test {
		dst = e.OccurredAt.UTC().AppendFormat(dst, testTimestampLayout)
		return append(dst, `","test":true`...)
	}
	dst = e.OccurredAt.UTC().AppendFormat(dst, timestampLayout)
	return append(dst, '"')
}

func appendMember(dst []byte, key, value string) []byte {
	return appendQuoted(append(dst, key...), value)
}

// sizeHint is the room appendMembers needs if nothing must be escaped, and a little more.
func (e *Envelope) sizeHint() int {
	const names = 192 // all the keys, quotes, commas, the timestamp and the flag
	return names + len(e.Event) + len(e.AgentID) + len(e.AgentName) + len(e.CampaignID) + len(e.CampaignName) +
		len(e.EnvironmentID) + len(e.EnvironmentName) + len(e.WebhookID) + len(e.WebhookName)
}

// clashes reports whether any member of the payload has a name that the envelope carries.
func (e *Envelope) clashes(members cursor) bool {
	for members.nextMember() {
		if e.carries(members.key) {
			return true
		}
		members.skipValue()
	}
	return false
}

// appendOthers writes the members that do not clash, each to the byte, and the closing brace.
func (e *Envelope) appendOthers(dst []byte, members cursor) []byte {
	for members.nextMember() {
		clash := e.carries(members.key)
		start := members.keyPos
		members.skipValue()
		if !clash {
			dst = append(dst, ',')
			dst = append(dst, members.data[start:members.pos]...)
		}
	}
	return append(dst, '}')
}

// carries reports whether a member of this name is among those appendMembers writes. The key is as it stands between
// its quotes.
func (e *Envelope) carries(key []byte) bool {
	const longest = len("environment_name") * len(`\u0000`)
	if len(key) > longest {
		return false
	}
	var room [longest]byte
	switch string(decodedKey(room[:0], key)) {
	case "event", "webhook_id", "webhook_name", "timestamp":
		return true
	case "agent_id", "agent_name":
		return e.AgentID != ""
	case "campaign_id", "campaign_name":
		return e.CampaignID != ""
	case "environment_id", "environment_name":
		return e.EnvironmentID != ""
	case "test":
		return e.Test
	}
	return false
}
