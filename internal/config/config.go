// Package config is what can be set on a Carteiro server: one struct, from which the flags, the environment variables,
// the help and the reference page come.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/carteiro/carteiro"
)

// EnvPrefix begins the environment variable of every flag: --retry-schedule is CARTEIRO_RETRY_SCHEDULE.
const EnvPrefix = "CARTEIRO"

// Database is where everything is kept.
type Database struct {
	Database            string        `help:"Database: sqlite:FILE (created if missing) for one server, or postgres://USER:PASSWORD@HOST:PORT/DATABASE for any number of servers." default:"sqlite:carteiro.db"`
	DatabaseConnections int           `help:"Maximum number of PostgreSQL connections of this server (at least 4)." default:"16"`
	DatabaseTimeout     time.Duration `help:"Timeout of a PostgreSQL call; the database then counts as unavailable." default:"10s"`
}

// ErrDatabase says that a database URL cannot be understood.
var ErrDatabase = errors.New("the database must be given as sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE")

// Postgres says whether the URL names a PostgreSQL database.
func (d Database) Postgres() bool {
	scheme, _, found := strings.Cut(d.Database, "://")
	return found && (scheme == "postgres" || scheme == "postgresql")
}

// SQLiteFile gives the path of an embedded database. It fails with [ErrDatabase] when the URL names no such file.
func (d Database) SQLiteFile() (string, error) {
	file, ok := strings.CutPrefix(d.Database, "sqlite:")
	// sqlite:///var/lib/carteiro.db is how others spell it.
	file = strings.TrimPrefix(file, "//")
	if !ok || file == "" {
		named, _, secret := strings.Cut(d.Database, ":")
		if secret {
			named += ":…" // which may hold a password
		}
		return "", Usage(fmt.Errorf("%w, not %q", ErrDatabase, named))
	}
	return file, nil
}

// faults says what is wrong with the settings; zero ones take the defaults.
func (d Database) faults(check func(ok bool, fault string)) {
	n, timeout := d.DatabaseConnections, d.DatabaseTimeout
	check(n == 0 || n >= 4 && n <= 1000, "--database-connections must be between 4 and 1000")
	check(timeout == 0 || timeout >= time.Second, "--database-timeout must be at least 1s")
}

// Log says what is logged, and how. Logs go to standard error.
type Log struct {
	LogLevel     slog.Level `help:"Minimum log level: debug, info, warn or error." default:"info"`
	LogLevelFile string     `help:"File that contains the log level. It overrides --log-level and is read again on SIGHUP." type:"path" placeholder:"FILE"`
	LogFormat    string     `help:"Log format: text or json." enum:"text,json" default:"text"`
}

// Level reads the least level that is logged, from the file if one is set.
func (l Log) Level() (level slog.Level, err error) {
	if l.LogLevelFile == "" {
		return l.LogLevel, nil
	}
	text, err := readFile(l.LogLevelFile)
	if err == nil {
		err = level.UnmarshalText(bytes.TrimSpace(text))
	}
	if err != nil {
		return level, Usage(fmt.Errorf("--log-level-file: %w", err))
	}
	return level, nil
}

// Logger makes the logger that the settings describe, but for the level, which may change while it logs.
func (l Log) Logger(level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// Server is everything that can be set on a server.
type Server struct {
	Database
	Listen       string        `help:"Address and port of the API." default:"127.0.0.1:8080"`
	DrainTimeout time.Duration `help:"How long a stopping server waits for deliveries in flight." default:"30s"`
	Takeover     time.Duration `help:"How long before another server takes over the deliveries of a dead one." default:"15s"`

	RetrySchedule        RetrySchedule `group:"Deliveries" help:"Delays before automatic retries, separated by commas; the last one repeats." default:"5s,5m,30m,2h,5h,10h,14h,20h,24h,24h"`
	DisableAfter         time.Duration `group:"Deliveries" help:"How long a webhook may have status error before it is disabled; 0 disables this." default:"120h"`
	BulkRetryRate        int           `group:"Deliveries" help:"Deliveries per second of each bulk retry (1 to 1000)." default:"50"`
	Retention            time.Duration `group:"Deliveries" help:"How long deliveries stay in the log and can be retried manually." default:"720h"`
	AllowPrivateNetworks bool          `group:"Deliveries" help:"Deliver to private, loopback and link-local addresses. For development only: anyone who can register a webhook can reach your internal network."`

	Egress `group:"Deliveries"`

	RateLimit      int           `group:"API" help:"API requests per minute and environment, not counting publishing; 0 for no limit." default:"1000"`
	TrustedProxies Networks      `group:"API" help:"Reverse proxies whose X-Forwarded-For header is trusted: addresses or CIDR networks, separated by commas." placeholder:"CIDR,…"`
	MaxPayload     int           `group:"API" help:"Maximum size of an event's payload, in bytes." default:"262144"`
	MemoryBudget   int           `group:"API" help:"Memory for request bodies and responses in transfer, in MiB, for all clients together (at least 128). One environment can use half." default:"256"`
	MaxWebhooks    int           `group:"API" help:"Maximum number of webhooks per agent or campaign; 0 for no limit." default:"50"`
	AdminToken     string        `group:"API" help:"Token for /admin/v1, which manages environments and tokens (at least 32 characters). The process list shows the flag, so prefer the variable or --admin-token-file. The API is off if no token is set." placeholder:"TOKEN"`
	AdminTokenFile string        `group:"API" help:"File that contains the admin token." type:"path" placeholder:"FILE"`
	AuditRetention time.Duration `group:"API" help:"How long the audit log is kept; 0 keeps it forever." default:"8760h"`
	EventsFile     string        `group:"API" help:"JSON file of additional event types: {\"agent\":[{\"name\":…,\"description\":…}],\"campaign\":[…]}." type:"path" placeholder:"FILE"`

	Dashboard bool `group:"Dashboard" help:"Serve the dashboard at / and allow users to sign in." default:"true" negatable:""`

	SourcesFile string `group:"Sources" help:"JSON file of the broker sources (NATS JetStream, RabbitMQ, Kafka, Redis Streams) to read events from: {\"sources\":[…]}." type:"path" placeholder:"FILE"`

	MetricsListen string `group:"Observing" help:"Address and port of the Prometheus endpoint /metrics; off to disable." default:"127.0.0.1:9464"`
	DebugListen   string `group:"Observing" help:"Address and port of profiles and the flight recorder. Anyone who can reach it can read the server's memory." placeholder:"ADDRESS"`
	// The variable is OpenTelemetry's own.
	TracesEndpoint string `group:"Observing" help:"URL of the OpenTelemetry collector that receives traces over OTLP/HTTP, such as http://localhost:4318; off if not set." env:"OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL"`

	Encryption `group:"Secrets"`

	Log `group:"Logging"`
}

// RetrySchedule is the waits before automatic retries, written as "5s,5m,30m".
type RetrySchedule []time.Duration

// UnmarshalText implements encoding.TextUnmarshaler. It fails with carteiro.ErrRetrySchedule.
func (s *RetrySchedule) UnmarshalText(text []byte) error {
	schedule, err := carteiro.ParseRetrySchedule(string(text))
	*s = schedule
	return err
}

// Networks is a list of networks, written as "10.0.0.0/8,192.0.2.1".
type Networks []netip.Prefix

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Networks) UnmarshalText(text []byte) error {
	*n = nil
	for word := range strings.SplitSeq(string(text), ",") {
		word = strings.TrimSpace(word)
		network, err := netip.ParsePrefix(word)
		if address, addressErr := netip.ParseAddr(word); addressErr == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%q is not an address or a network such as 10.0.0.0/8", word)
		}
		*n = append(*n, network.Masked())
	}
	return nil
}

// Validate says what is wrong with the settings, each fault in a line of its own; nil when nothing is.
func (s *Server) Validate() error {
	var faults []error
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New(fault))
		}
	}
	s.faults(check)
	check(s.Retention >= time.Second, "--retention must be at least 1s")
	check(s.DisableAfter == 0 || s.DisableAfter >= time.Minute, "--disable-after must be 0 or at least 1m")
	check(s.BulkRetryRate >= 1 && s.BulkRetryRate <= 1000, "--bulk-retry-rate must be between 1 and 1000")
	check(s.AuditRetention == 0 || s.AuditRetention >= time.Hour, "--audit-retention must be at least 1h")
	check(s.RateLimit >= 0, "--rate-limit must not be negative")
	check(s.MaxPayload >= 1<<10 && s.MaxPayload <= 16<<20, "--max-payload must be between 1024 and 16777216")
	check(s.MemoryBudget == 0 || s.MemoryBudget >= 128 && s.MemoryBudget <= 1<<20, "--memory-budget must be at least 128")
	check(s.MaxWebhooks >= 0, "--max-webhooks must not be negative")
	check(s.Takeover == 0 || s.Takeover >= 2*time.Second && s.Takeover <= time.Hour, "--takeover must be between 2s and 1h")
	_, err := s.Proxy()
	check(err == nil, errProxy.Error())
	check(s.DrainTimeout >= 0, "--drain-timeout must not be negative")
	return errors.Join(faults...)
}

// RetryPolicy is the policy with the schedule that was set.
func (s *Server) RetryPolicy() carteiro.RetryPolicy {
	policy := carteiro.DefaultRetryPolicy()
	if len(s.RetrySchedule) > 0 {
		policy.Schedule = s.RetrySchedule
	}
	return policy
}
