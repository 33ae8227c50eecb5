package publish

// campaignSamples holds the samples of campaign events by event type.
var campaignSamples = map[string]string{
	"campaign.created":   `{"test":true,"status":"draft","contacts_total":250}`,
	"campaign.started":   `{"test":true,"status":"running","contacts_total":250,"started_at":"2025-09-03T08:00:00.000000Z"}`,
	"campaign.paused":    `{"test":true,"status":"paused","contacts_total":250,"calls_completed":118}`,
	"campaign.completed": `{"test":true,"status":"completed","contacts_total":250,"calls_completed":241,"calls_failed":9}`,
	"campaign.updated":   `{"test":true,"status":"running","changed":["name","schedule"]}`,
	"campaign_call.queued": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","to":"+5511999990000",` +
		`"status":"queued","attempt":1}}`,
	"campaign_call.started": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","to":"+5511999990000",` +
		`"status":"in_progress","attempt":1}}`,
	"campaign_call.completed": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","to":"+5511999990000",` +
		`"status":"completed","attempt":1,"duration":187,"outcome":"answered"}}`,
	"campaign_call.retry_scheduled": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","to":"+5511999990000",` +
		`"status":"retry_scheduled","attempt":1,"reason":"busy","next_attempt_at":"2025-09-03T09:30:00.000000Z"}}`,
	"campaign_call.failed": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","to":"+5511999990000",` +
		`"status":"failed","attempt":3,"reason":"no_answer"}}`,
	"event_recording": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","duration":187},` +
		`"recording":{"url":"https://example.com/recordings/sample.mp3","format":"mp3","size":1496000}}`,
	"event_call_transcript": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001"},"transcript":[` +
		`{"speaker":"agent","text":"Good morning, am I speaking with Ana?","offset":0.4},` +
		`{"speaker":"user","text":"Yes, that is me.","offset":3.1}]}`,
	"event_call_report": `{"test":true,"call":{"id":"00000000-0000-7000-8000-000000000001","duration":187},` +
		`"report":{"summary":"The customer confirmed the appointment.","sentiment":"positive","goal_reached":true}}`,
}
