package check_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/check"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/sqlite"
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

func examine(t *testing.T, m moody) (*check.Report, error) {
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
	return (&check.Checker{Store: &m, Now: time.Now()}).Run(t.Context())
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

// untold is a store with a notice that waits, and so many nodes that live.
type untold struct {
	store.Examinable
	since time.Duration
	nodes int
}

func (u *untold) ExamineNodes(_ context.Context, p store.ExamineNodes) (n store.ExaminedNodes, err error) {
	n.Now = p.Now
	for i := range u.nodes {
		n.Sessions = append(n.Sessions, store.ExaminedSession{Session: store.Session{ID: int64(i)}, Until: p.Now.Add(time.Second)})
	}
	return n, nil
}

func (u *untold) ListNotices(context.Context, store.ListNotices) ([]carteiro.Notification, error) {
	return []carteiro.Notification{{Seq: 1, At: time.Now().Add(-u.since), Type: carteiro.WebhookErrorEvent}}, nil
}

func TestANoticeThatIsNotToldIsAFindingWhereAServerRuns(t *testing.T) {
	for _, c := range []struct {
		since       time.Duration
		nodes, want int
	}{{time.Minute, 1, 0}, {time.Hour, 1, 1}, {time.Hour, 0, 0}} {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		report, err := (&check.Checker{Store: &untold{s, c.since, c.nodes}, Now: time.Now()}).Run(t.Context())
		if err != nil || report.Notices != 1 || len(report.Findings) != c.want {
			t.Errorf("%v with %d nodes: %d notices, findings %v, %v", c.since, c.nodes, report.Notices, report.Findings, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// left is a store with one deleted webhook that has a pending attempt of some age.
type left struct {
	store.Examinable
	age   time.Duration
	clean bool
}

func (l *left) ExamineWebhook(_ context.Context, p store.ExamineWebhook) (w store.ExaminedWebhook, err error) {
	if p.From != (store.ExamineCursor{}) {
		return w, nil
	}
	w = store.ExaminedWebhook{WebhookID: carteiro.ID{1}, First: true, Exists: true, Deleted: true, Clean: l.clean}
	w.Next.WebhookID = w.WebhookID
	w.AddOpen(store.ExaminedOpen{ID: carteiro.MinID(time.Now())})
	w.AddOpen(store.ExaminedOpen{ID: carteiro.MinID(time.Now().Add(-l.age))})
	return w, nil
}

// A transaction that has not seen the deletion may add attempts for a while, and a webhook that is not clean may have any.
func TestOnlySettledAttemptsOfCleanWebhooksAreLeftovers(t *testing.T) {
	for _, c := range []struct {
		age   time.Duration
		clean bool
		want  int
	}{{time.Hour, true, 1}, {time.Minute, true, 0}, {time.Hour, false, 0}} {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "carteiro.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		report, err := (&check.Checker{Store: &left{s, c.age, c.clean}, Now: time.Now()}).Run(t.Context())
		if err != nil || len(report.Findings) != c.want || c.want == 1 && report.Findings[0].Check != check.LeftAttempts {
			t.Errorf("%v, clean %v: findings %v, %v", c.age, c.clean, report.Findings, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
