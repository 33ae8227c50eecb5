package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Kinds of brokers.
const (
	NATS     = "nats"
	RabbitMQ = "rabbitmq"
	Kafka    = "kafka"
	Redis    = "redis"
)

// Forms in which messages hold events.
const (
	FormatCarteiro    = "carteiro"
	FormatCloudEvents = "cloudevents"
)

// Bounds of [Source.Batch].
const (
	DefaultBatch = 256
	MaxBatch     = 1000
)

// Source is a place at a broker that events are taken from, as the sources file has it.
type Source struct {
	// Name is what logs call it, and part of what tells its messages from others': 1 to 100 of a-z, 0-9, - and _.
	Name string `json:"name"`
	Kind string `json:"kind"` // one of the kinds of brokers
	// URL says where the broker is: nats://, tls://, amqp://, amqps://, redis://, rediss://, kafka://, kafka+tls://.
	// Several hosts, for NATS and Kafka, are separated by commas. It holds no password.
	URL string `json:"url"`
	// Environment takes the events: its id, or its name if only one has it.
	Environment string `json:"environment"`
	// Format is [FormatCarteiro] unless given.
	Format string `json:"format"`

	Stream  string `json:"stream"`  // of NATS and Redis
	Subject string `json:"subject"` // of NATS: only what matches it; empty: everything in the stream
	Queue   string `json:"queue"`   // of RabbitMQ
	Topic   string `json:"topic"`   // of Kafka
	// Group is the consumer group, for NATS the durable consumer; "carteiro" unless given. RabbitMQ has none.
	Group string `json:"group"`
	// DeadLetter takes what is refused: a subject, queue, topic or stream of the same broker. Empty: it is logged and dropped.
	DeadLetter string `json:"dead_letter"`
	// Batch is how many messages are in flight at once at most: 1 to [MaxBatch], [DefaultBatch] unless given.
	Batch int `json:"batch"`

	Username        string `json:"username"`
	PasswordEnv     string `json:"password_env"`     // the variable that holds the password
	PasswordFile    string `json:"password_file"`    // or the file
	CredentialsFile string `json:"credentials_file"` // of NATS
	SASL            string `json:"sasl"`             // of Kafka: plain (the default), scram-sha-256, scram-sha-512
	CAFile          string `json:"ca_file"`          // trusts these authorities instead of the system's

	// Password is read from where the file says.
	Password string `json:"-"`
}

// String gives the name: a source that is printed must not show its password.
func (s Source) String() string { return s.Name }

// GoString gives the name, as String does.
func (s Source) GoString() string { return s.Name }

// Sources reads the sources file and the secrets that it names. Its errors match [ErrUsage] and report all faults of the
// file at once.
func (s *Server) Sources() ([]Source, error) {
	sources, err := s.sources()
	return sources, Usage(err)
}

func (s *Server) sources() ([]Source, error) {
	if s.SourcesFile == "" {
		return nil, nil
	}
	text, err := readFile(s.SourcesFile)
	if err != nil {
		return nil, fmt.Errorf("sources file: %w", err)
	}
	var file struct{ Sources []Source }
	// A misspelt member must not pass for a default.
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("sources file %s: %w", s.SourcesFile, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("sources file %s: something follows the object", s.SourcesFile)
	}
	var faults []error
	names := make(map[string]bool)
	for i := range file.Sources {
		source := &file.Sources[i]
		found := source.check()
		if names[source.Name] {
			found = append(found, "the name stands there twice")
		}
		names[source.Name] = true
		for _, fault := range found {
			faults = append(faults, fmt.Errorf("sources file %s: source %d (%q): %s", s.SourcesFile, i+1, source.Name, fault))
		}
	}
	return file.Sources, errors.Join(faults...)
}

var sourceName = regexp.MustCompile(`^[a-z0-9_-]{1,100}$`)

// broker is what the kinds differ in.
var brokers = map[string]struct {
	schemes []string
	place   string
	fields  []string // beside those that all have
}{
	NATS:     {[]string{"nats", "tls"}, "stream", []string{"stream", "subject", "group", "credentials_file"}},
	RabbitMQ: {[]string{"amqp", "amqps"}, "queue", []string{"queue"}},
	Kafka:    {[]string{"kafka", "kafka+tls"}, "topic", []string{"topic", "group", "sasl"}},
	Redis:    {[]string{"redis", "rediss"}, "stream", []string{"stream", "group"}},
}

// check fills defaults and secrets in, and lists what is wrong.
func (s *Source) check() (faults []string) {
	must := func(ok bool, fault string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(fault, args...))
		}
	}
	must(sourceName.MatchString(s.Name), "name must be 1 to 100 of a-z, 0-9, - and _")
	must(s.Environment != "", "environment is missing")
	if s.Format == "" {
		s.Format = FormatCarteiro
	}
	must(s.Format == FormatCarteiro || s.Format == FormatCloudEvents, "format must be carteiro or cloudevents")
	if s.Batch == 0 {
		s.Batch = DefaultBatch
	}
	must(s.Batch >= 1 && s.Batch <= MaxBatch, "batch must be between 1 and %d", MaxBatch)
	must(s.SASL == "" || slices.Contains([]string{"plain", "scram-sha-256", "scram-sha-512"}, s.SASL),
		"sasl must be plain, scram-sha-256 or scram-sha-512")
	faults = append(faults, s.checkKind()...)
	if err := s.readPassword(); err != nil {
		faults = append(faults, err.Error())
	}
	return faults
}

// checkKind looks at what depends on the kind of broker.
func (s *Source) checkKind() (faults []string) {
	kind, known := brokers[s.Kind]
	if !known {
		return []string{"kind must be nats, rabbitmq, kafka or redis"}
	}
	u, err := url.Parse(strings.Split(s.URL, ",")[0])
	switch {
	case err != nil || !slices.Contains(kind.schemes, u.Scheme) || u.Host == "":
		faults = append(faults, "url must begin with "+strings.Join(kind.schemes, ":// or ")+":// and name a host")
	case strings.Contains(s.URL, "@"):
		faults = append(faults, "url must not hold credentials: use username and password_env or password_file")
	}
	for field, value := range map[string]*string{
		"stream": &s.Stream, "subject": &s.Subject, "queue": &s.Queue, "topic": &s.Topic, "group": &s.Group,
		"credentials_file": &s.CredentialsFile, "sasl": &s.SASL,
	} {
		switch {
		case *value != "" && !slices.Contains(kind.fields, field):
			faults = append(faults, s.Kind+" has no "+field)
		case *value == "" && field == kind.place:
			faults = append(faults, field+" is missing")
		case *value == "" && field == "group" && slices.Contains(kind.fields, field):
			s.Group = "carteiro"
		}
	}
	if s.DeadLetter != "" && s.DeadLetter == s.Place() {
		faults = append(faults, "dead_letter must not be where the events come from")
	}
	slices.Sort(faults)
	return faults
}

// Place is where the events are: the stream, queue or topic.
func (s *Source) Place() string { return s.Stream + s.Queue + s.Topic }

func (s *Source) readPassword() error {
	switch {
	case s.PasswordEnv != "" && s.PasswordFile != "":
		return errors.New("password_env and password_file are both there")
	case s.PasswordEnv != "":
		s.Password = os.Getenv(s.PasswordEnv)
		if s.Password == "" {
			return fmt.Errorf("the variable %s, which password_env names, is empty", s.PasswordEnv)
		}
	case s.PasswordFile != "":
		text, err := readFile(s.PasswordFile)
		if err != nil {
			return fmt.Errorf("password_file: %w", err)
		}
		s.Password = strings.TrimRight(string(text), "\r\n")
	}
	return nil
}
