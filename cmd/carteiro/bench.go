package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"carteiro/internal/bench"
)

type benchCommand struct {
	Throughput benchThroughput `cmd:"" default:"withargs" help:"Measure deliveries and latency against the raw limit of the machine (the default)."`
	Neighbour  benchNeighbour  `cmd:"" help:"Measure a healthy webhook beside receivers that never answer."`
	Logs       benchLogs       `cmd:"" help:"Measure reading a long delivery log."`
	Backlog    benchBacklog    `cmd:"" help:"Measure a long queue for receivers that never answer, and a restart with it."`
	Many       benchMany       `cmd:"" help:"Measure many webhooks that get little."`
}

type benchOutput struct {
	JSON bool `help:"Print JSON."`
}

type benchThroughput struct {
	benchOutput
	Database string `help:"Store to measure, which must be empty; a temporary SQLite file unless given." placeholder:"URL" env:"-"`
	Rounds   int    `help:"Rounds of each measurement." default:"5"`
	Events   int    `help:"Deliveries a round." default:"20000"`
	Size     int    `help:"Bytes of payload." default:"500"`
	Seconds  int    `help:"How long latency is measured at 200 events a second." default:"10"`
}

// Run measures.
func (c *benchThroughput) Run(ctx context.Context) error {
	report, err := bench.Throughput{
		Database: c.Database, Rounds: c.Rounds, Events: c.Events, Size: c.Size, Seconds: c.Seconds, Log: os.Stderr,
	}.Run(ctx)
	return c.print(report, err)
}

type benchNeighbour struct {
	benchOutput
	Dead    int `help:"Receivers that never answer." default:"20"`
	Backlog int `help:"Events queued for each bad receiver." default:"10000"`
	Events  int `help:"Events for the healthy webhook." default:"20000"`
	Rounds  int `help:"Rounds of each measurement." default:"3"`
}

// Run measures.
func (c *benchNeighbour) Run(ctx context.Context) error {
	report, err := bench.Neighbour{Dead: c.Dead, Backlog: c.Backlog, Events: c.Events, Rounds: c.Rounds, Log: os.Stderr}.Run(ctx)
	return c.print(report, err)
}

type benchLogs struct {
	benchOutput
	Database string `help:"Store to fill and read, which must be empty; a temporary SQLite file unless given." placeholder:"URL" env:"-"`
	Entries  int    `help:"Entries at the webhook that is read, and as many again at others." default:"100000"`
	Requests int    `help:"Requests of each kind." default:"200"`
}

// Run measures.
func (c *benchLogs) Run(ctx context.Context) error {
	report, err := bench.Logs{Database: c.Database, Entries: c.Entries, Requests: c.Requests, Log: os.Stderr}.Run(ctx)
	return c.print(report, err)
}

type benchBacklog struct {
	benchOutput
	Attempts int `help:"Attempts queued." default:"1000000"`
	Dead     int `help:"Receivers that never answer." default:"20"`
}

// Run measures.
func (c *benchBacklog) Run(ctx context.Context) error {
	report, err := bench.Backlog{Attempts: c.Attempts, Dead: c.Dead, Log: os.Stderr}.Run(ctx)
	return c.print(report, err)
}

type benchMany struct {
	benchOutput
	Webhooks int `help:"Webhooks, each of an agent of its own." default:"100000"`
	Seconds  int `help:"How long." default:"30"`
}

// Run measures.
func (c *benchMany) Run(ctx context.Context) error {
	report, err := bench.Many{Webhooks: c.Webhooks, Seconds: c.Seconds, Log: os.Stderr}.Run(ctx)
	return c.print(report, err)
}

// report is what a benchmark found: a struct to be encoded, with a text for people.
type report interface {
	Text(w io.Writer) error
}

func (o benchOutput) print(r report, err error) error {
	switch {
	case err != nil:
		return err
	case o.JSON:
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	default:
		return r.Text(os.Stdout)
	}
}
