package observe

import (
	"github.com/prometheus/client_golang/prometheus"
)

// WatchMemory reports the memory budget of clients and how much of it is in use, in bytes.
func (m *Metrics) WatchMemory(limit int64, used func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "carteiro_memory_budget_bytes", Help: "Memory that request bodies and responses may use (--memory-budget).",
		}, func() float64 { return float64(limit) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "carteiro_memory_used_bytes", Help: "Memory that request bodies and responses use, of the budget.",
		}, func() float64 { return float64(used()) }),
	)
}
