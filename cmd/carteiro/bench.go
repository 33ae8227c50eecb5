package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/carteiro/carteiro/internal/bench"
)

type benchCommand struct {
	Throughput benchThroughput `cmd:"" default:"withargs" help:"Measure deliveries and latency against the raw limit of the machine (the default)."`
	Neighbour  benchNeighbour  `cmd:"" help:"Measure a healthy webhook and a new one next to receivers that are slow, dead or stop responding."`
	Logs       benchLogs       `cmd:"" help:"Measure reading a long delivery log."`
	Backlog    benchBacklog    `cmd:"" help:"Measure a long queue for receivers that never answer, and a restart with it."`
	Many       benchMany       `cmd:"" help:"Measure many webhooks with few events each."`
	Growth     benchGrowth     `cmd:"" help:"Measure how cost grows with payloads, webhooks and log entries."`
}

// benchOutput is how a report is given: as tables of Markdown, or as JSON.
type benchOutput struct {
	JSON bool   `help:"Print JSON."`
	Save string `help:"Also write the JSON to a file." type:"path" placeholder:"FILE"`
}

// benchDatabase is where to measure. It is not read from the environment: a server's database must not be filled by accident.
type benchDatabase struct {
	Database string `help:"Database to measure, as for serve. It must be empty, and keeps the data of the run. Default: a temporary SQLite file." placeholder:"URL" env:"-"`
}

type benchThroughput struct {
	benchOutput
	benchDatabase
	Nodes   int `help:"Number of servers that share the database; more than one requires PostgreSQL." default:"1"`
	Rounds  int `help:"Rounds of each measurement." default:"5"`
	Events  int `help:"Deliveries per round." default:"20000"`
	Size    int `help:"Payload size in bytes." default:"500"`
	Seconds int `help:"How long to measure latency at 200 events per second, in each round." default:"5"`
}

// Validate keeps out what cannot be measured.
func (c *benchThroughput) Validate() error {
	return positive(c.Nodes, c.Rounds, c.Events, c.Size, c.Seconds)
}

// Run measures.
func (c *benchThroughput) Run(ctx context.Context) error {
	report, err := bench.Throughput{
		Database: c.Database, Nodes: c.Nodes, Rounds: c.Rounds, Events: c.Events, Size: c.Size, Seconds: c.Seconds, Log: os.Stderr,
	}.Run(ctx)
	return c.print(report, err)
}

type benchNeighbour struct {
	benchOutput
	Dead        int `help:"Number of receivers that never respond." default:"20"`
	Backlog     int `help:"Events queued for each of them." default:"10000"`
	Slow        int `help:"Number of receivers that succeed after 2 s." default:"128"`
	SlowBacklog int `help:"Events queued for each of them." default:"200"`
	Hanging     int `help:"Number of receivers that respond quickly and then stop responding." default:"24"`
	Events      int `help:"Events for the healthy webhook." default:"20000"`
	Rounds      int `help:"Rounds of each measurement." default:"3"`
}

// Validate keeps out what cannot be measured.
func (c *benchNeighbour) Validate() error {
	return positive(c.Dead, c.Backlog, c.Slow, c.SlowBacklog, c.Hanging, c.Events, c.Rounds)
}

// Run measures.
func (c *benchNeighbour) Run(ctx context.Context) error {
	report, err := bench.Neighbour{
		Dead: c.Dead, Backlog: c.Backlog, Slow: c.Slow, SlowBacklog: c.SlowBacklog, Hanging: c.Hanging,
		Events: c.Events, Rounds: c.Rounds, Log: os.Stderr,
	}.Run(ctx)
	return c.print(report, err)
}

type benchLogs struct {
	benchOutput
	benchDatabase
	Filled   bool `help:"Use the data that an earlier run left in the database."`
	Entries  int  `help:"Log entries of the webhook that is read." default:"100000"`
	Others   *int `help:"Log entries of other webhooks (default: the same number)."`
	Requests int  `help:"Requests of each kind." default:"1000"`
}

// Validate keeps out what cannot be measured.
func (c *benchLogs) Validate() error {
	if c.Filled && c.Database == "" {
		return errors.New("--filled needs --database")
	}
	if c.Others != nil && *c.Others < 0 {
		return errors.New("--others must not be negative")
	}
	return positive(c.Entries, c.Requests)
}

// Run measures.
func (c *benchLogs) Run(ctx context.Context) error {
	others := c.Entries
	if c.Others != nil {
		others = *c.Others
	}
	report, err := bench.Logs{
		Database: c.Database, Filled: c.Filled, Entries: c.Entries, Others: others, Requests: c.Requests, Log: os.Stderr,
	}.Run(ctx)
	return c.print(report, err)
}

type benchBacklog struct {
	benchOutput
	benchDatabase
	Attempts int `help:"Attempts queued." default:"1000000"`
	Dead     int `help:"Number of receivers that never respond." default:"20"`
}

// Validate keeps out what cannot be measured.
func (c *benchBacklog) Validate() error { return positive(c.Attempts, c.Dead) }

// Run measures.
func (c *benchBacklog) Run(ctx context.Context) error {
	report, err := bench.Backlog{Database: c.Database, Attempts: c.Attempts, Dead: c.Dead, Log: os.Stderr}.Run(ctx)
	return c.print(report, err)
}

type benchMany struct {
	benchOutput
	benchDatabase
	Webhooks int `help:"Number of webhooks, one per agent." default:"100000"`
	Seconds  int `help:"Duration of the measurement." default:"30"`
}

// Validate keeps out what cannot be measured.
func (c *benchMany) Validate() error { return positive(c.Webhooks, c.Seconds) }

// Run measures.
func (c *benchMany) Run(ctx context.Context) error {
	report, err := bench.Many{Database: c.Database, Webhooks: c.Webhooks, Seconds: c.Seconds, Log: os.Stderr}.Run(ctx)
	return c.print(report, err)
}

type benchGrowth struct {
	Payload  benchGrowthPayload  `cmd:"" help:"Measure growth with the payload size."`
	Webhooks benchGrowthWebhooks `cmd:"" help:"Measure growth with the number of webhooks."`
	Entries  benchGrowthEntries  `cmd:"" help:"Measure growth with the length of the delivery log."`
}

// benchRounds is what the benchmarks of growth have in common.
type benchRounds struct {
	benchOutput
	Rounds int `help:"Rounds at each point." default:"3"`
	Events int `help:"Deliveries per round." default:"20000"`
}

func (c *benchRounds) run(ctx context.Context, over string, points []int, folder string) error {
	report, err := bench.Growth{Over: over, Points: points, Rounds: c.Rounds, Events: c.Events, Folder: folder, Log: os.Stderr}.Run(ctx)
	return c.print(report, err)
}

type benchGrowthPayload struct {
	benchRounds
	Bytes []int `help:"Payload sizes." default:"512,2048,8192,32768,131072,262144"`
}

// Validate keeps out what cannot be measured.
func (c *benchGrowthPayload) Validate() error {
	return positive(append(c.Bytes, c.Rounds, c.Events)...)
}

// Run measures.
func (c *benchGrowthPayload) Run(ctx context.Context) error {
	return c.run(ctx, bench.OverPayload, c.Bytes, "")
}

type benchGrowthWebhooks struct {
	benchRounds
	Counts []int `help:"Numbers of webhooks, one per agent." default:"10,100,1000,10000,100000"`
}

// Validate keeps out what cannot be measured.
func (c *benchGrowthWebhooks) Validate() error {
	return positive(append(c.Counts, c.Rounds, c.Events)...)
}

// Run measures.
func (c *benchGrowthWebhooks) Run(ctx context.Context) error {
	return c.run(ctx, bench.OverWebhooks, c.Counts, "")
}

type benchGrowthEntries struct {
	benchRounds
	Counts []int  `help:"Numbers of log entries; a tenth belongs to the webhook that is read." default:"10000,100000,1000000,10000000"`
	Folder string `help:"Folder that keeps the filled databases and reuses existing ones." type:"existingdir" placeholder:"DIR"`
}

// Validate keeps out what cannot be measured.
func (c *benchGrowthEntries) Validate() error {
	return positive(append(c.Counts, c.Rounds, c.Events)...)
}

// Run measures.
func (c *benchGrowthEntries) Run(ctx context.Context) error {
	return c.run(ctx, bench.OverEntries, c.Counts, c.Folder)
}

// positive fails when a number is not.
func positive(numbers ...int) error {
	for _, n := range numbers {
		if n <= 0 {
			return errors.New("all numbers must be positive")
		}
	}
	return nil
}

// report is what a benchmark found: a struct to be encoded, with a text for people.
type report interface {
	Text(w io.Writer) error
}

func (o benchOutput) print(r report, err error) error {
	if err != nil {
		return err
	}
	machine, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	machine = append(machine, '\n')
	if o.Save != "" {
		if err := os.WriteFile(o.Save, machine, 0o644); err != nil { //nolint:gosec // figures are for everybody
			return err
		}
	}
	if o.JSON {
		_, err = os.Stdout.Write(machine)
		return err
	}
	return r.Text(os.Stdout)
}
