package jobs_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/store"
)

// fakeSecrets is a store that knows how many webhooks' secrets are under each key.
type fakeSecrets struct {
	keys  []store.SecretKey
	fails string // the key whose secrets cannot be read
	calls int
	// narrow are those encrypted with the first key by the rule of an earlier release.
	narrow int
}

var errUnreadable = errors.New("cannot be read")

func (s *fakeSecrets) SecretKeys(context.Context) ([]store.SecretKey, error) { return s.keys, nil }

func (s *fakeSecrets) Reseal(_ context.Context, p store.Reseal) (int, error) {
	s.calls++
	if p.Key == s.fails {
		return 0, errUnreadable
	}
	if p.Key == "first" && s.narrow >= 0 {
		n := min(s.narrow, p.Limit)
		s.narrow -= n
		return n, nil
	}
	for i := range s.keys {
		if k := &s.keys[i]; k.Name == p.Key {
			n := min(k.Webhooks, p.Limit)
			k.Webhooks -= n
			return n, nil
		}
	}
	return 0, nil
}

func TestAllButTheFirstKeyAreLeftBatchByBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSecrets{keys: []store.SecretKey{{Name: "", Webhooks: 250}, {Name: "first", Webhooks: 70}, {Name: "old", Webhooks: 1}}, fails: "none", narrow: 130}
		n, err := jobs.Reseal(t.Context(), s, "first")
		if err != nil || n != 251+130 || s.narrow != 0 || s.keys[1].Webhooks != 70 || s.keys[0].Webhooks+s.keys[2].Webhooks > 0 {
			t.Errorf("%d webhooks, %v, left %v", n, err, s.keys)
		}
		if s.calls != 4+2+3 { // batches of a hundred, and each key's last look
			t.Errorf("%d calls", s.calls)
		}
	})
}

func TestWithoutAKeyNothingIsSealed(t *testing.T) {
	s := &fakeSecrets{keys: []store.SecretKey{{Name: "", Webhooks: 5}}}
	if n, err := jobs.Reseal(t.Context(), s, ""); n != 0 || err != nil || s.calls > 0 {
		t.Errorf("%d webhooks, %v, %d calls", n, err, s.calls)
	}
}

func TestEveryKeyIsLeftWhenNoneIsToSeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSecrets{keys: []store.SecretKey{{Name: "", Webhooks: 3}, {Name: "first", Webhooks: 170}, {Name: "old", Webhooks: 1}}, fails: "", narrow: -1}
		if n, err := jobs.Unseal(t.Context(), s); err != nil || n != 171 || s.keys[1].Webhooks+s.keys[2].Webhooks > 0 {
			t.Errorf("%d webhooks, %v, left %v", n, err, s.keys)
		}
	})
}

func TestWhatCannotBeReadEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSecrets{keys: []store.SecretKey{{Name: "", Webhooks: 5}, {Name: "old", Webhooks: 5}}, fails: "old"}
		if n, err := jobs.Reseal(t.Context(), s, "first"); n != 5 || !errors.Is(err, errUnreadable) {
			t.Errorf("%d webhooks, %v", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		s = &fakeSecrets{keys: []store.SecretKey{{Name: "", Webhooks: 1000}}, fails: "none"}
		if n, err := jobs.Reseal(ctx, s, "first"); n >= 1000 || n == 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped: %d webhooks, %v", n, err)
		}
	})
}
