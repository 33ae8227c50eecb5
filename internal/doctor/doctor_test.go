package doctor_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"carteiro"
	"carteiro/internal/doctor"
	"carteiro/internal/store"
	"carteiro/internal/store/sqlite"
)

// moody is a store whose answers about nodes are bad so many times.
type moody struct {
	store.Examinable
	bad    int
	queues int
	err    error
}

func (m *moody) ExamineNodes(context.Context, store.ExamineNodes) (n store.ExaminedNodes, err error) {
	if m.bad--; m.bad >= 0 {
		for i := range m.queues {
			n.Queues = append(n.Queues, store.ExaminedQueue{EnvironmentID: carteiro.ID{15: byte(i), 14: byte(i >> 8)}, Kept: int64(m.bad) + 1})
		}
	}
	return n, m.err
}

func examine(t *testing.T, m moody) (*doctor.Report, error) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	m.Examinable = s
	return (&doctor.Doctor{Store: &m, Now: time.Now()}).Run(t.Context())
}

func TestOnlyWhatIsWrongTwiceIsReported(t *testing.T) {
	for bad, want := range map[int]int{0: 0, 1: 0, 2: 3} {
		report, err := examine(t, moody{bad: bad, queues: 3})
		if err != nil {
			t.Fatal(err)
		}
		if report.Found != want || len(report.Findings) != want || report.Findings == nil {
			t.Errorf("wrong at %d looks: found %d, named %d, want %d", bad, report.Found, len(report.Findings), want)
		}
	}
}

func TestAReportNamesAThousandFindingsAndCountsAll(t *testing.T) {
	report, err := examine(t, moody{bad: 2, queues: 1500})
	if err != nil || report.Found != 1500 || len(report.Findings) != 1000 {
		t.Errorf("found %d, named %d, %v", report.Found, len(report.Findings), err)
	}
}

func TestAStoreThatCannotBeReadIsNoFinding(t *testing.T) {
	broken := errors.New("broken")
	if _, err := examine(t, moody{err: broken, bad: 2, queues: 1}); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}
