package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
)

type serveCommand struct {
	config.Server
	Demo bool `env:"-" help:"Run a demo in a temporary database: a webhook whose receiver sometimes fails, a few phone call events, and curl commands to try. Implies --allow-private-networks."`
}

// Help says more than fits a line.
func (*serveCommand) Help() string {
	return `Serves until SIGTERM or SIGINT comes. Then it takes no more requests, waits for the deliveries in flight, and
ends; a second signal ends it at once. What was accepted is on disk either way, and is sent after the next start.

	carteiro serve --demo
	carteiro serve --database sqlite:/var/lib/carteiro/carteiro.db --listen :8080
	CARTEIRO_RETRY_SCHEDULE=1s,10s,1m carteiro serve --allow-private-networks`
}

// Run serves until a signal comes.
func (c *serveCommand) Run(ctx context.Context) error {
	level := new(slog.LevelVar)
	if err := c.setLevel(level); err != nil {
		return err
	}
	logger := c.Logger(level)
	defer c.reloadAtHangup(level, logger)()
	ignoreFileSize()
	tuneCollector(c.MemoryBudget)
	if c.Demo {
		return c.demo(ctx, logger)
	}
	a, err := app.New(ctx, &c.Server, version, logger)
	if err != nil {
		return err
	}
	if c.AllowPrivateNetworks {
		logger.Warn("deliveries may reach private networks (--allow-private-networks): for development only")
	}
	for _, path := range c.ListensPublicly() {
		logger.Warn("secret file is readable by all users (chmod 600)", "file", path)
	}
	if a.EncryptsWith() == "" {
		logger.Warn("webhooks' secrets are stored as they are: no encryption key is set (carteiro secrets key makes one for CARTEIRO_ENCRYPTION_KEY), or the word none stands first")
	}
	return c.serve(ctx, a, logger, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

func (c *serveCommand) setLevel(level *slog.LevelVar) error {
	l, err := c.Level()
	if err == nil {
		level.Set(l)
	}
	return err
}

// reloadAtHangup reads the log level again whenever SIGHUP comes, until stop is called. A level that cannot be read
// leaves the one that is.
func (c *serveCommand) reloadAtHangup(level *slog.LevelVar, logger *slog.Logger) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			if err := c.setLevel(level); err != nil {
				logger.Error("the log level stays as it is", "level", level.Level(), "error", err)
				continue
			}
			logger.Log(context.Background(), max(level.Level(), slog.LevelInfo), "log level read again", "level", level.Level())
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}

// serve runs the server, and beside it what goes with it, until ctx ends or one of the two does; then it drains.
func (c *serveCommand) serve(ctx context.Context, a *app.App, logger *slog.Logger, beside func(context.Context) error) error {
	err := a.Start(ctx)
	switch {
	case err == nil:
		says := []any{"address", "http://" + a.Addr(), "database", app.DatabaseName(c.Database), "version", version}
		if metrics := a.MetricsAddr(); metrics != nil {
			says = append(says, "metrics", "http://"+metrics.String()+"/metrics")
		}
		logger.Info("carteiro serves", says...)
		err = untilOneEnds(ctx, a.Failed(), beside)
	case errors.Is(err, syscall.EADDRINUSE):
		err = fmt.Errorf("%w (--listen chooses another port)", err)
	}
	if err == nil {
		logger.Info("stopping: no new requests, waiting for deliveries in flight", "at_most", c.DrainTimeout)
	}
	drain, cancel := context.WithTimeout(context.Background(), c.DrainTimeout)
	defer cancel()
	if stopErr := a.Stop(drain); err == nil {
		err = stopErr
	}
	if err == nil {
		logger.Info("stopped")
	}
	return err
}

// untilOneEnds waits for ctx to end, the server to fail, or what runs beside it to end, which it waits for in any case.
func untilOneEnds(ctx context.Context, failed <-chan error, beside func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- beside(ctx) }()
	select {
	case err := <-ended:
		cancel()
		return err
	case err := <-failed:
		cancel()
		return errors.Join(err, <-ended)
	case <-ctx.Done():
		cancel()
		return <-ended
	}
}
