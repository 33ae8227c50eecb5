package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/carteiro/carteiro/internal/dispatch"
	"github.com/carteiro/carteiro/internal/ingest"
	"github.com/carteiro/carteiro/internal/observe"
)

// beside is the servers for those who watch over this one: metrics and, if asked for, profiles.
type beside struct {
	servers  []*http.Server
	serving  sync.WaitGroup
	recorder *observe.FlightRecorder
	metrics  net.Addr
	debug    net.Addr
}

// startBeside listens for those who watch. Deliveries do not depend on them: a port of the metrics that is taken is
// logged, and nothing more. The debug port was asked for by name, so that it fails.
func (a *App) startBeside(ctx context.Context) (err error) {
	if address := a.config.MetricsListen; isOn(address) {
		a.metrics.WatchIngest(ingested(a.ingest))
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", a.metrics.Handler())
		if a.beside.metrics, err = a.serveBeside(ctx, address, mux, true); err != nil {
			a.logger.Warn("no metrics are served (--metrics-listen chooses another port, or none)", "error", err)
		}
	}
	if !isOn(a.config.DebugListen) {
		return nil
	}
	if a.beside.recorder, err = observe.StartFlightRecorder(); err != nil {
		return fmt.Errorf("flight recorder: %w", err)
	}
	if a.beside.debug, err = a.serveBeside(ctx, a.config.DebugListen, a.beside.recorder.Handler(), false); err != nil {
		return err
	}
	a.logger.Info("profiles and flight recorder", "address", "http://"+a.beside.debug.String()+"/debug/pprof/")
	if !observe.Loopback(a.beside.debug) {
		a.logger.Warn("the debug port is open to other machines: whoever reaches it can read secrets and payloads", "address", a.beside.debug.String())
	}
	return nil
}

// isOn: a variable that is set to nothing counts as not set, so that a word turns a default off.
func isOn(address string) bool { return address != "" && address != "off" }

// serveBeside serves a handler on an address. Requests must name a host that is this machine's or the address's, unless others
// can reach the address and anyName is set.
func (a *App) serveBeside(ctx context.Context, address string, handler http.Handler, anyName bool) (net.Addr, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	if !anyName || observe.Loopback(listener.Addr()) {
		host, _, _ := net.SplitHostPort(address)
		handler = observe.CheckHost(handler, host)
	}
	server := newServer(handler, a.logger)
	a.beside.servers = append(a.beside.servers, server)
	a.beside.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.logger.Error("a port for watching is closed", slog.String("address", address), slog.Any("error", err))
		}
	})
	return listener.Addr(), nil
}

// stopBeside is called last but for the database, so that the end can be watched.
func (a *App) stopBeside() {
	for _, server := range a.beside.servers {
		_ = server.Close() // nothing is lost with a scrape
	}
	a.beside.serving.Wait()
	if a.beside.recorder != nil {
		a.beside.recorder.Stop()
	}
}

// MetricsAddr is the address that the metrics are served on; nil when they are not.
func (a *App) MetricsAddr() net.Addr { return a.beside.metrics }

// DebugAddr is the address that profiles are served on; nil when they are not.
func (a *App) DebugAddr() net.Addr { return a.beside.debug }

// depth tells the metrics how deep the lanes are.
func depth(d *dispatch.Dispatcher) func() observe.LaneState {
	return func() observe.LaneState { return observe.LaneState(d.Depth()) }
}

// ingested tells the metrics what became of sources' messages.
func ingested(in *ingest.Ingest) func() map[string]observe.IngestCounts {
	return func() map[string]observe.IngestCounts {
		counts := make(map[string]observe.IngestCounts)
		for name, n := range in.Counts() {
			counts[name] = observe.IngestCounts(n)
		}
		return counts
	}
}
