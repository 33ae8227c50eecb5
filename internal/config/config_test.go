package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/config"
)

func TestADatabaseIsNamedByItsFile(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite:carteiro.db":                     "carteiro.db",
		"sqlite:/var/lib/carteiro/carteiro.db":   "/var/lib/carteiro/carteiro.db",
		"sqlite:///var/lib/carteiro/carteiro.db": "/var/lib/carteiro/carteiro.db",
	} {
		if got, err := (config.Database{Database: url}).SQLiteFile(); err != nil || got != want {
			t.Errorf("%s: %q, %v", url, got, err)
		}
	}
	for _, url := range []string{"", "sqlite:", "carteiro.db", "mysql://localhost/carteiro"} {
		if _, err := (config.Database{Database: url}).SQLiteFile(); !errors.Is(err, config.ErrDatabase) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestAllFaultsOfTheSettingsAreToldTogether(t *testing.T) {
	good := config.Server{Retention: time.Hour, MaxPayload: 1 << 18, BulkRetryRate: 50}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := config.Server{RateLimit: -1, MaxWebhooks: -1, DrainTimeout: -1}
	err := bad.Validate()
	for _, flag := range []string{"--retention", "--rate-limit", "--max-payload", "--max-webhooks", "--drain-timeout", "--bulk-retry-rate"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not told: %v", flag, err)
		}
	}
}

func TestTheScheduleThatWasSetReplacesTheDefault(t *testing.T) {
	var s config.Server
	if got := s.RetryPolicy(); got.Schedule[0] != 5*time.Second || len(got.Schedule) != 10 {
		t.Errorf("default %v", got)
	}
	if err := s.RetrySchedule.UnmarshalText([]byte("1s,2s")); err != nil {
		t.Fatal(err)
	}
	if got := s.RetryPolicy(); len(got.Schedule) != 2 || got.Jitter != 0.1 {
		t.Errorf("set %v", got)
	}
	if err := s.RetrySchedule.UnmarshalText([]byte("soon")); !errors.Is(err, carteiro.ErrRetrySchedule) {
		t.Error(err)
	}
}

func TestAnEventsFileAddsTypes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.json")
	s := config.Server{EventsFile: file}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"agent":[{"name":"event_order_placed","description":"Order was placed"}],"campaign":[{"name":"campaign.archived","description":"x"}]}`)
	catalogue, err := s.Catalogue()
	if err != nil || !catalogue.Has(carteiro.OwnerAgent, "event_order_placed") || !catalogue.Has(carteiro.OwnerCampaign, "campaign.archived") {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"no JSON": `agent: x`, "a type without a name": `{"agent":[{"description":"x"}]}`,
		"the name of the test": `{"agent":[{"name":"webhook.test","description":"x"}]}`, "no description": `{"agent":[{"name":"a"}]}`,
		"an operator event": `{"agent":[{"name":"webhook.error","description":"x"}]}`, "a blank description": `{"agent":[{"name":"a","description":" "}]}`, "another shape": `[]`,
		"a member that means nothing": `{"agents":[]}`, "a name twice": `{"agent":[{"name":"a","description":"x"},{"name":"a","description":"x"}]}`,
		"a built-in name": `{"agent":[{"name":"event_action"}]}`,
	} {
		write(text)
		if _, err := s.Catalogue(); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Catalogue(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
