package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/carteiro/carteiro/internal/config"
)

// source is a place at a broker, connected. One goroutine uses it, with one batch of messages at a time: what receive
// gave is settled before it is called again.
type source interface {
	// receive waits for messages and gives at least one, at most a batch. It fails when ctx ends or the broker is away.
	receive(ctx context.Context) ([]message, error)
	// deadLetter copies a message to the dead-letter place, and returns once the broker has it.
	deadLetter(ctx context.Context, m *message, reason string) error
	// acknowledge tells the broker to forget the messages, which are all that receive gave.
	acknowledge(ctx context.Context, messages []message) error
	// close disconnects. What was not acknowledged comes again.
	close()
}

// message is one message, as every broker has it.
type message struct {
	body   []byte
	header http.Header // names in canonical form
	// id names the message to whoever sends it again; empty when the broker has no such thing.
	id     string
	handle any // the broker's own
}

// open connects to a source.
func open(ctx context.Context, s *config.Source) (source, error) {
	switch s.Kind {
	case config.NATS:
		return openNATS(ctx, s)
	case config.RabbitMQ:
		return openRabbitMQ(ctx, s)
	case config.Kafka:
		return openKafka(ctx, s)
	case config.Redis:
		return openRedis(ctx, s)
	default:
		return nil, fmt.Errorf("unknown kind %q", s.Kind)
	}
}

// Headers that Carteiro adds to a dead letter.
const (
	headerReason = "carteiro-reason"
	headerSource = "carteiro-source"
)

// isOwnHeader reports whether a header of a message must not be copied to its dead letter because Carteiro sets it. A message
// that was moved back from the dead-letter place has one, and its sender can set one.
func isOwnHeader(name string) bool {
	return strings.EqualFold(name, headerReason) || strings.EqualFold(name, headerSource)
}

// setHeader keeps a header under the name that it has in HTTP: the bindings of CloudEvents spell one attribute
// ce-id, ce_id, cloudEvents:id and cloudEvents_id.
func (m *message) setHeader(name, value string) {
	if m.header == nil {
		m.header = make(http.Header)
	}
	lower := strings.ToLower(name)
	for _, prefix := range []string{"ce_", "cloudevents:", "cloudevents_"} {
		if attribute, ok := strings.CutPrefix(lower, prefix); ok {
			lower = "ce-" + attribute
		}
	}
	m.header.Add(lower, value)
}

// brokerID makes a message's id of one that its sender gave.
func brokerID(s *config.Source, id string) string {
	if id == "" {
		return ""
	}
	return s.Name + "\nid\n" + id
}

// position makes a message's id of where it is. A place that was deleted and made anew counts from one again, so the
// time at which the broker got the message belongs to it.
func position(s *config.Source, at ...any) string { return s.Name + "\nat\n" + fmt.Sprintln(at...) }

// tlsConfig is nil for a connection in the clear.
func tlsConfig(s *config.Source) (*tls.Config, error) {
	scheme, _, _ := strings.Cut(s.URL, "://")
	if scheme != "tls" && scheme != "amqps" && scheme != "kafka+tls" && scheme != "rediss" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca_file holds no certificate")
	}
	return c, nil
}

// oneLine makes a text one that may stand in a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}
