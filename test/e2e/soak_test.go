//go:build soak

package e2e_test

import (
	"testing"
	"time"
)

// Sixty kills take about two minutes.
func TestNothingAcceptedIsLostByManyKills(t *testing.T) {
	crash{rounds: 60, shortest: 50 * time.Millisecond, longest: 2 * time.Second}.run(t)
}

// Four rounds of five faults take about four minutes: there is calm between them, in which nothing may come twice.
func TestNothingIsLostOrSentAgainInALongRunOfFaults(t *testing.T) {
	faultRun{rounds: 4, calm: 6 * time.Second}.run(t)
}
