package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var classes = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Route gives what is to be told of each answer of a route. route is the pattern of its path, never a path.
func (m *Metrics) Route(method, route string) func(status int, took time.Duration) {
	var answers [len(classes)]prometheus.Counter
	for i, class := range classes {
		answers[i] = m.answers.WithLabelValues(method, route, class)
	}
	answer := m.answerTook.WithLabelValues(method, route)
	return func(status int, took time.Duration) {
		class := status / 100
		if class < 1 || class >= len(classes) {
			class = 0
		}
		answers[class].Inc()
		answer.Observe(took.Seconds())
	}
}

// Rejected counts events that were refused with a status.
func (m *Metrics) Rejected(status, events int) {
	c := m.rejected[status]
	if c == nil {
		c = m.rejected[0]
	}
	c.Add(float64(events))
}

// RateLimited counts a request that was turned away.
func (m *Metrics) RateLimited() { m.rateLimited.Inc() }
