package api

import "testing"

// Exactly the calls that put events in are told to be such, by paths as they stand in a request.
func TestWhichCallsPublish(t *testing.T) {
	const id = "01990e54-9d6b-7f00-8f63-3c1f0a5d7b21"
	for _, test := range []struct {
		method, path string
		want         bool
	}{
		{"POST", "/api/v1/agents/" + id + "/events", true},
		{"POST", "/api/v1/campaigns/" + id + "/events", true},
		{"POST", "/api/v1/events/batch", true},
		{"GET", "/api/v1/agents/" + id + "/events", false},
		{"POST", "/api/v1/agents", false},
		{"POST", "/api/v1/agents/" + id + "/webhooks", false},
		{"POST", "/api/v1/agents/" + id + "/webhooks/" + id + "/test", false},
		{"POST", "/api/v1/agents/" + id + "/webhooks/" + id + "/logs/" + id + "/retry", false},
		{"POST", "/events", false},
		{"POST", "", false},
	} {
		if got := Publishes(test.method, test.path); got != test.want {
			t.Errorf("%s %s: %v", test.method, test.path, got)
		}
	}
}
