package app_test

import (
	"log/slog"
	"net"
	"testing"

	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
)

// A start that fails stops what it had started: its port is free again and its database closed.
func TestAFailedStartStopsWhatWasStarted(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := probe.Addr().String()
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	c := &config.Server{Listen: free, MetricsListen: "off", DebugListen: taken.Addr().String()}
	c.Database.Database = "sqlite:" + t.TempDir() + "/carteiro.db"
	a, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil {
		t.Fatal("started with a debug port that is taken")
	}
	if l, err := net.Listen("tcp", free); err != nil {
		t.Errorf("the port is still taken: %v", err)
	} else {
		_ = l.Close()
	}
	if again, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("the database is still open: %v", err)
	} else if err := again.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Errorf("stopping after a failed start: %v", err)
	}
}
