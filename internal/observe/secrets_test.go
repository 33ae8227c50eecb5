package observe_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carteiro/carteiro/internal/observe"
	"github.com/carteiro/carteiro/internal/store"
)

// fakeSecrets is a store that knows which keys are in use.
type fakeSecrets struct {
	keys []store.SecretKey
	err  error
}

func (k *fakeSecrets) SecretKeys(context.Context) ([]store.SecretKey, error) { return k.keys, k.err }

func (*fakeSecrets) Reseal(context.Context, store.Reseal) (int, error) { return 0, nil }

func TestTheSecretsAreCountedByTheirKeysWhileTheyAreEncryptedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSecrets{keys: []store.SecretKey{{Name: "", Webhooks: 7}, {Name: "a", Webhooks: 1}, {Name: "b", Webhooks: 20}, {Name: "c", Webhooks: 2}}}
		m := observe.NewMetrics("1.2.3")
		m.WatchSecrets("b", s)
		served := func() []string {
			answer := httptest.NewRecorder()
			m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
			lines := strings.Split(answer.Body.String(), "\n")
			return slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "carteiro_webhook_secrets{") })
		}
		want := func(lines ...string) {
			t.Helper()
			if got := served(); !slices.Equal(got, lines) {
				t.Errorf("%v, want %v", got, lines)
			}
		}
		want(`carteiro_webhook_secrets{key="first"} 20`, `carteiro_webhook_secrets{key="none"} 7`, `carteiro_webhook_secrets{key="older"} 3`)
		s.keys = []store.SecretKey{{Name: "b", Webhooks: 30}}
		want(`carteiro_webhook_secrets{key="first"} 20`, `carteiro_webhook_secrets{key="none"} 7`, `carteiro_webhook_secrets{key="older"} 3`)
		<-time.After(10 * time.Second)
		want(`carteiro_webhook_secrets{key="first"} 30`, `carteiro_webhook_secrets{key="none"} 0`, `carteiro_webhook_secrets{key="older"} 0`)
		s.err = errors.New("away")
		<-time.After(10 * time.Second)
		want()
	})
}
