package publish

import "github.com/carteiro/carteiro"

// SamplePayload returns a realistic payload of an event type as a JSON object, for webhook tests and for developers of
// receivers. Every sample has "test": true. Custom event types get {"test":true}.
func SamplePayload(kind carteiro.OwnerKind, event string) []byte {
	samples := agentSamples
	if kind == carteiro.OwnerCampaign {
		samples = campaignSamples
	}
	if text, ok := samples[event]; ok {
		return []byte(text)
	}
	return []byte(`{"test":true}`)
}

// agentSamples holds the samples of agent events by event type.
var agentSamples = map[string]string{
	"event_phone_call_started":         `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000","status":"ringing","started_at":"2025-09-03T09:00:00.000000Z"}}`,
	"event_phone_call_ended":           `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000","status":"ended","duration":187,"ended_by":"user"}}`,
	"event_phone_call_did_not_connect": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000","status":"no_answer","reason":"no_answer","rang_for":30}}`,
	"event_phone_call_connected":       `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000","status":"in_progress","rang_for":6}}`,
	"event_phone_call_disconnected":    `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000","status":"disconnected","duration":187,"reason":"hangup"}}`,
	"event_phone_call_error":           `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000","status":"error"},"error":{"code":"carrier_rejected","message":"The carrier rejected the call"}}`,
	"event_participant_joined":         `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000"},"participant":{"id":"00000000-0000-7000-8000-000000000002","role":"user"}}`,
	"event_participant_left":           `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000"},"participant":{"id":"00000000-0000-7000-8000-000000000002","role":"user"},"stayed_for":187}`,
	"event_voicemail_detected":         `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000"},"voicemail":{"detected_after":4.2,"confidence":0.97}}`,
	"event_voicemail_message_left":     `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000"},"voicemail":{"message":"This is Clara. I will call again tomorrow.","duration":11}}`,
	"event_conversation_started":       `{"test":true,"conversation":{"id":"00000000-0000-7000-8000-000000000003","channel":"phone","language":"pt-BR"}}`,
	"event_conversation_ended":         `{"test":true,"conversation":{"id":"00000000-0000-7000-8000-000000000003","channel":"phone","turns":14,"duration":181}}`,
	"event_action":                     `{"test":true,"conversation":{"id":"00000000-0000-7000-8000-000000000003"},"action":{"id":"00000000-0000-7000-8000-000000000005","name":"schedule_appointment","arguments":{"date":"2025-09-05","time":"14:30"},"result":{"confirmed":true},"duration_ms":412}}`,
	"event_action_failed":              `{"test":true,"conversation":{"id":"00000000-0000-7000-8000-000000000003"},"action":{"id":"00000000-0000-7000-8000-000000000005","name":"schedule_appointment","arguments":{"date":"2025-09-05","time":"14:30"}},"error":{"code":"timeout","message":"The calendar did not answer"}}`,
	"event_recording":                  `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","direction":"outbound","from":"+551140000000","to":"+5511999990000","duration":187},"recording":{"url":"https://example.com/recordings/sample.mp3","format":"mp3","size":1496000}}`,
	"event_connection_established":     `{"test":true,"connection":{"id":"00000000-0000-7000-8000-000000000004","transport":"websocket","region":"sa-east-1"}}`,
	"event_connection_closed":          `{"test":true,"connection":{"id":"00000000-0000-7000-8000-000000000004","transport":"websocket","reason":"normal","lasted":190}}`,
	"event_connection_error":           `{"test":true,"connection":{"id":"00000000-0000-7000-8000-000000000004","transport":"websocket"},"error":{"code":"network","message":"The connection was reset"}}`,
	"event_user_connected":             `{"test":true,"conversation":{"id":"00000000-0000-7000-8000-000000000003"},"user":{"id":"00000000-0000-7000-8000-000000000006","name":"Ana"}}`,
	"event_user_disconnected":          `{"test":true,"conversation":{"id":"00000000-0000-7000-8000-000000000003"},"user":{"id":"00000000-0000-7000-8000-000000000006","name":"Ana"},"reason":"left"}`,
	"event_client_connected":           `{"test":true,"client":{"id":"00000000-0000-7000-8000-000000000007","platform":"web","version":"3.2.0"}}`,
	"event_client_disconnected":        `{"test":true,"client":{"id":"00000000-0000-7000-8000-000000000007","platform":"web","version":"3.2.0"},"reason":"closed"}`,
}
