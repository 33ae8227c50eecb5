package main

import (
	"context"
	"log/slog"

	"carteiro/internal/app"
	"carteiro/internal/config"
)

type serveCommand struct {
	config.Server
	Demo bool `help:"Show what it does: a fresh temporary database, a webhook whose receiver fails now and then, a trickle of call events, and curl lines to try."`
}

// Run serves until a signal comes.
func (c *serveCommand) Run(ctx context.Context) error {
	logger := c.Logger()
	if c.Demo {
		return c.demo(ctx, logger)
	}
	a, err := app.New(ctx, &c.Server, version, logger)
	if err != nil {
		return err
	}
	return c.serve(ctx, a, logger, func() error { return nil })
}

// serve runs the server, and what goes with it once it listens, until ctx ends; then it drains.
func (c *serveCommand) serve(ctx context.Context, a *app.App, logger *slog.Logger, once func() error) error {
	err := a.Start(ctx)
	if err == nil {
		logger.Info("carteiro serves", "address", "http://"+a.Addr(), "database", c.Database.Database, "version", version)
		if c.AllowPrivateNetworks {
			logger.Warn("deliveries may reach private networks (--allow-private-networks): for development only")
		}
		err = once()
	}
	if err == nil {
		select {
		case <-ctx.Done():
			logger.Info("stopping: no new requests, waiting for deliveries in flight", "at_most", c.DrainTimeout)
		case err = <-a.Failed():
		}
	}
	drain, cancel := context.WithTimeout(context.Background(), c.DrainTimeout)
	defer cancel()
	if stopErr := a.Stop(drain); err == nil {
		err = stopErr
	}
	logger.Info("stopped")
	return err
}
