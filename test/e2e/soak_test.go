//go:build soak

package e2e_test

import (
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/store/postgres/postgrestest"
)

// Two hundred kills take about ten minutes, and as long again on PostgreSQL. What came of them stands in docs/reliability.md.
func TestNothingAcceptedIsLostByManyKills(t *testing.T) {
	crash{rounds: 200, shortest: 50 * time.Millisecond, longest: 2 * time.Second}.run(t)
}

func TestNothingAcceptedIsLostByManyKillsOnPostgres(t *testing.T) {
	crash{
		rounds: 200, shortest: 50 * time.Millisecond, longest: 2 * time.Second,
		environ: []string{"CARTEIRO_DATABASE=" + postgrestest.Database(t, ""), "CARTEIRO_TAKEOVER=2s"},
	}.run(t)
}

// Four rounds of five faults take about four minutes: there is calm between them, in which nothing may come twice.
func TestNothingIsLostOrSentAgainInALongRunOfFaults(t *testing.T) {
	faultRun{rounds: 4, calm: 6 * time.Second}.run(t)
}
