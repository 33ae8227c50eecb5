package ingest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carteiro/carteiro/internal/config"
)

// ackWait is after how long the broker gives what was not acknowledged again.
const ackWait = time.Minute

// pollWait is how long one question for messages waits at the broker.
const pollWait = time.Second

// natsSource is a durable consumer of a JetStream stream.
type natsSource struct {
	settings   *config.Source
	connection *nats.Conn
	jetstream  jetstream.JetStream
	consumer   jetstream.Consumer
}

func openNATS(ctx context.Context, s *config.Source) (source, error) {
	options := []nats.Option{nats.Name("carteiro " + s.Name), nats.NoReconnect(), nats.Timeout(5 * time.Second)}
	if s.Username != "" {
		options = append(options, nats.UserInfo(s.Username, s.Password))
	} else if s.Password != "" {
		options = append(options, nats.Token(s.Password))
	}
	if s.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(s.CredentialsFile))
	}
	secure, err := tlsConfig(s)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, nats.Secure(secure))
	}
	n := &natsSource{settings: s}
	if n.connection, err = nats.Connect(s.URL, options...); err != nil {
		return nil, err
	}
	if err := n.attach(ctx); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// attach takes the durable consumer that is there, as the operator may have made it, or makes one.
func (n *natsSource) attach(ctx context.Context) (err error) {
	if n.jetstream, err = jetstream.New(n.connection); err != nil {
		return err
	}
	n.consumer, err = n.jetstream.Consumer(ctx, n.settings.Stream, n.settings.Group)
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	n.consumer, err = n.jetstream.CreateConsumer(ctx, n.settings.Stream, jetstream.ConsumerConfig{
		Durable: n.settings.Group, FilterSubject: n.settings.Subject,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 2 * n.settings.Batch,
	})
	return err
}

// receive waits for one message and takes along what there is behind it: to wait for a full batch would keep the first.
func (n *natsSource) receive(ctx context.Context) ([]message, error) {
	for {
		first, err := n.consumer.Fetch(1, jetstream.FetchMaxWait(pollWait))
		if err != nil {
			return nil, err
		}
		messages := n.collect(nil, first)
		if err := first.Error(); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err // what came meanwhile comes again
		}
		if len(messages) == 0 {
			continue
		}
		if n.settings.Batch > 1 {
			more, err := n.consumer.FetchNoWait(n.settings.Batch - 1)
			if err != nil {
				return nil, err
			}
			messages = n.collect(messages, more)
		}
		return messages, nil
	}
}

func (n *natsSource) collect(messages []message, batch jetstream.MessageBatch) []message {
	for msg := range batch.Messages() {
		m := message{body: msg.Data(), handle: msg, id: brokerID(n.settings, msg.Headers().Get(nats.MsgIdHdr))}
		for name, values := range msg.Headers() {
			for _, value := range values {
				m.setHeader(name, value)
			}
		}
		if at, err := msg.Metadata(); err == nil && m.id == "" {
			m.id = position(n.settings, at.Stream, at.Sequence.Stream, at.Timestamp.UnixNano())
		}
		messages = append(messages, m)
	}
	return messages
}

func (n *natsSource) deadLetter(ctx context.Context, m *message, reason string) error {
	dead := nats.NewMsg(n.settings.DeadLetter)
	dead.Data = m.body
	for name, values := range m.handle.(jetstream.Msg).Headers() {
		if !isOwnHeader(name) && !controlsNATS(name) {
			dead.Header[name] = values
		}
	}
	dead.Header.Set(headerReason, oneLine(reason))
	dead.Header.Set(headerSource, n.settings.Name)
	_, err := n.jetstream.PublishMsg(ctx, dead)
	return err
}

// controlsNATS reports whether a header is an instruction to the server: which message id or sequence it must expect, what
// to delete, when to expire. Copied to the dead letter, it would drop it as a duplicate, or erase other dead letters.
func controlsNATS(name string) bool { return strings.HasPrefix(strings.ToLower(name), "nats-") }

func (n *natsSource) acknowledge(ctx context.Context, messages []message) error {
	for _, m := range messages {
		if err := m.handle.(jetstream.Msg).Ack(); err != nil {
			return err
		}
	}
	return n.connection.FlushWithContext(ctx)
}

func (n *natsSource) close() { n.connection.Close() }
