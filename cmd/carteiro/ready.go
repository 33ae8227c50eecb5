package main

import (
	"context"
	"time"

	"github.com/carteiro/carteiro/client"
)

type readyCommand struct {
	URL     string        `help:"URL of the server." default:"http://127.0.0.1:8080" env:"-"`
	Timeout time.Duration `help:"How long to wait for the response." default:"3s" env:"-"`
}

// Help says more than fits a line.
func (*readyCommand) Help() string {
	return `Ends with 0 when the server says that it is ready, and with 1 otherwise: for health checks where there is no curl.`
}

// Run asks.
func (c *readyCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return client.New(c.URL, "").Ready(ctx)
}
