package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/demo"
	"github.com/carteiro/carteiro/internal/store"
)

// demoSchedule shows retries while somebody is looking.
var demoSchedule = config.RetrySchedule{3 * time.Second, 10 * time.Second, 30 * time.Second}

// demo serves with made-up data, in a database of its own that is deleted at the end.
func (c *serveCommand) demo(ctx context.Context, logger *slog.Logger) (err error) {
	dir, err := os.MkdirTemp("", "carteiro-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c.Database.Database = "sqlite:" + filepath.Join(dir, "demo.db")
	c.AllowPrivateNetworks = true
	if slices.Equal(c.RetrySchedule, carteiro.DefaultRetryPolicy().Schedule) {
		c.RetrySchedule = demoSchedule
	}
	a, err := app.New(ctx, &c.Server, version, logger)
	if err != nil {
		return err
	}
	return c.serve(ctx, a, logger, func(ctx context.Context) error {
		now, ids := time.Now(), new(carteiro.IDSource)
		environment := carteiro.Environment{ID: ids.New(now), Name: "demo", CreatedAt: now}
		token, secret := newToken(ids, environment.ID, now)
		token.Name, token.Scopes = carteiro.DefaultTokenName, carteiro.ScopeAll
		if err := a.Store().CreateEnvironment(ctx, store.CreateEnvironment{Environment: environment, Token: token}); err != nil {
			return err
		}
		return demo.Run(ctx, demo.Config{BaseURL: reachable(a.Addr()), Token: secret, Out: os.Stdout})
	})
}

// reachable is the URL at which this machine reaches a server that listens on address.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + address
}
