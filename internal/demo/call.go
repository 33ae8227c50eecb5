package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// step is one event of a call.
type step struct {
	event   string
	payload map[string]any
	at      time.Time
}

// A story is the course that a call takes, as the events it gives rise to.
type story []string

var (
	conversation = story{
		"event_phone_call_started", "event_phone_call_connected", "event_participant_joined", "event_conversation_started",
		"event_action", "event_conversation_ended", "event_participant_left", "event_phone_call_ended", "event_recording",
	}
	troubled = story{
		"event_phone_call_started", "event_phone_call_connected", "event_participant_joined", "event_conversation_started",
		"event_action_failed", "event_conversation_ended", "event_phone_call_disconnected", "event_phone_call_ended",
	}
	voicemail = story{
		"event_phone_call_started", "event_phone_call_connected", "event_voicemail_detected", "event_voicemail_message_left",
		"event_phone_call_ended",
	}
	unanswered = story{"event_phone_call_started", "event_phone_call_did_not_connect"}

	// stories are told as often as they stand here.
	stories = []story{conversation, conversation, conversation, troubled, voicemail, unanswered}
)

// eventTypes lists the events that occur in a story, each once.
func eventTypes() []string {
	types := slices.Concat(stories...)
	slices.Sort(types)
	return slices.Compact(types)
}

// The numbers belong to nobody: they are set aside for films.
var people = []struct{ name, number string }{
	{"Beatriz Nogueira", "+14155550134"}, {"Rafael Teixeira", "+442079460958"}, {"Helena Duarte", "+14155550172"},
	{"Tomás Ferreira", "+442079460311"}, {"Lívia Prado", "+12125550147"}, {"Caio Mendes", "+441632960204"},
}

var openings = []string{
	"Good morning, this is Ana from the sales team. Do you have two minutes?",
	"Hello, this is Ana. You asked us for an offer yesterday.",
	"Hi, Ana speaking. I am calling about the renewal of your plan.",
}

var replies = []string{
	"Yes, please send me the offer by mail.", "I would like to think about it until Friday.",
	"That is more than we pay today.", "Perfect, let us do that.", "Could you call my colleague about this?",
}

// call is one phone call on its way through its story.
type call struct {
	random  *rand.Rand
	id      string
	person  struct{ name, number string }
	story   story
	told    int
	seconds int // since it began
}

func newCall(random *rand.Rand) *call {
	return &call{
		random: random,
		id:     fmt.Sprintf("call_%08x", random.Uint32()),
		person: people[random.IntN(len(people))],
		story:  stories[random.IntN(len(stories))],
	}
}

// done says whether everything of the call has been told.
func (c *call) done() bool { return c.told == len(c.story) }

// next gives the call's next event.
func (c *call) next(now time.Time) step {
	event := c.story[c.told]
	if c.told > 0 {
		c.seconds += 3 + c.random.IntN(40)
	}
	c.told++
	payload := map[string]any{
		"call": map[string]any{
			"id": c.id, "direction": "outbound", "from": "+14155550100", "to": c.person.number,
		},
	}
	for name, value := range c.details(event) {
		payload[name] = value
	}
	return step{event: event, payload: payload, at: now}
}

// details is what an event of this type has beside the call itself.
func (c *call) details(event string) map[string]any {
	switch event {
	case "event_participant_joined", "event_participant_left":
		return map[string]any{"participant": map[string]any{"name": c.person.name, "number": c.person.number, "role": "customer"}}
	case "event_conversation_started":
		return map[string]any{"language": "en", "transcript": c.transcript(1)}
	case "event_conversation_ended":
		return map[string]any{
			"sentiment": pick(c.random, "positive", "neutral", "negative"), "transcript": c.transcript(3),
			"summary": c.person.name + " was called about an offer.",
		}
	case "event_action":
		return map[string]any{"action": pick(c.random, "send_offer", "book_meeting", "update_crm"), "result": "done"}
	case "event_action_failed":
		return map[string]any{"action": "book_meeting", "error": "the calendar did not answer"}
	case "event_phone_call_did_not_connect":
		return map[string]any{"reason": pick(c.random, "busy", "no_answer", "unreachable")}
	case "event_voicemail_message_left":
		return map[string]any{"message": "Hello, this is Ana. I will call again tomorrow.", "duration_seconds": 9}
	case "event_phone_call_disconnected", "event_phone_call_ended":
		return map[string]any{"duration_seconds": c.seconds, "ended_by": pick(c.random, "agent", "customer")}
	case "event_recording":
		return map[string]any{"recording": map[string]any{
			"url": "https://recordings.example.com/" + c.id + ".mp3", "duration_seconds": c.seconds,
		}}
	default:
		return nil
	}
}

// transcript gives the first turns of what is said.
func (c *call) transcript(turns int) []map[string]any {
	said := []map[string]any{
		{"speaker": "agent", "text": pick(c.random, openings...)},
		{"speaker": "customer", "text": pick(c.random, replies...)},
		{"speaker": "agent", "text": "Thank you for your time, " + c.person.name + "."},
	}
	return said[:turns]
}

func pick(random *rand.Rand, choices ...string) string { return choices[random.IntN(len(choices))] }
