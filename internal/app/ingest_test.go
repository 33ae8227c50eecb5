package app_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/store"
)

// fromBroker has a server read from a broker, to which put sends a message, which will be refused.
func fromBroker(t *testing.T) (change func(*config.Server), put func()) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	broker, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	must(err)
	broker.Start()
	t.Cleanup(func() { broker.Shutdown(); broker.WaitForShutdown() })
	if !broker.ReadyForConnections(20 * time.Second) {
		t.Fatal("the broker does not come up")
	}
	c, err := nats.Connect(broker.ClientURL())
	must(err)
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	must(err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CALLS", Subjects: []string{"calls"}})
	must(err)

	dir := t.TempDir()
	database := config.Database{Database: "sqlite:" + filepath.Join(dir, "carteiro.db")}
	s, err := app.OpenStore(t.Context(), database, app.Shared, nil)
	must(err)
	ids, now := new(carteiro.IDSource), time.Now()
	environment := carteiro.Environment{ID: ids.New(now), Name: "brokers", CreatedAt: now}
	must(s.CreateEnvironment(t.Context(), store.CreateEnvironment{Environment: environment, Token: carteiro.Token{
		ID: ids.New(now), EnvironmentID: environment.ID, Hash: carteiro.HashToken("none"), CreatedAt: now, Scopes: carteiro.ScopeAll,
	}}))
	must(s.Close())
	sources := filepath.Join(dir, "sources.json")
	must(os.WriteFile(sources, []byte(`{"sources":[{"name":"calls","kind":"nats","url":"`+broker.ClientURL()+
		`","environment":"brokers","stream":"CALLS","subject":"calls","group":"carteiro"}]}`), 0o600))
	return func(c *config.Server) { c.Database, c.SourcesFile = database, sources }, func() {
		_, err := js.Publish(t.Context(), "calls", []byte("nothing that is understood"))
		must(err)
	}
}
