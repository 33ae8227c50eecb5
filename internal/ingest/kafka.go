package ingest

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/carteiro/carteiro/internal/config"
)

// kafkaSource is a member of a consumer group of a Kafka topic.
type kafkaSource struct {
	settings *config.Source
	client   *kgo.Client
}

func openKafka(ctx context.Context, s *config.Source) (source, error) {
	_, hosts, _ := strings.Cut(s.URL, "://")
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(hosts, ",")...),
		kgo.ClientID("carteiro-" + s.Name),
		kgo.ConsumerGroup(s.Group), kgo.ConsumeTopics(s.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		// Partitions stay with this member while it has a batch of them in hand.
		kgo.BlockRebalanceOnPoll(),
	}
	secure, err := tlsConfig(s)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, kgo.DialTLSConfig(secure))
	}
	if s.Username != "" {
		options = append(options, kgo.SASL(mechanism(s)))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	if err := client.Ping(ctx); err != nil {
		client.CloseAllowingRebalance()
		return nil, err
	}
	return &kafkaSource{s, client}, nil
}

func mechanism(s *config.Source) sasl.Mechanism {
	auth := scram.Auth{User: s.Username, Pass: s.Password}
	switch s.SASL {
	case "scram-sha-256":
		return auth.AsSha256Mechanism()
	case "scram-sha-512":
		return auth.AsSha512Mechanism()
	default:
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()
	}
}

func (k *kafkaSource) receive(ctx context.Context) ([]message, error) {
	for {
		fetches := k.client.PollRecords(ctx, k.settings.Batch)
		records := fetches.Records()
		if len(records) == 0 {
			k.client.AllowRebalance()
			if err := fetches.Err(); err != nil {
				return nil, err
			}
			continue
		}
		messages := make([]message, len(records))
		for i, record := range records {
			messages[i] = k.message(record)
		}
		return messages, nil
	}
}

func (k *kafkaSource) message(record *kgo.Record) message {
	m := message{body: record.Value, handle: record}
	for _, h := range record.Headers {
		m.setHeader(h.Key, string(h.Value))
	}
	if m.id = brokerID(k.settings, m.header.Get("Message-Id")); m.id == "" {
		m.id = position(k.settings, record.Topic, record.Partition, record.Offset, record.Timestamp.UnixNano())
	}
	return m
}

func (k *kafkaSource) deadLetter(ctx context.Context, m *message, reason string) error {
	from := m.handle.(*kgo.Record)
	dead := &kgo.Record{Topic: k.settings.DeadLetter, Key: from.Key, Value: from.Value}
	for _, h := range from.Headers {
		if !isOwnHeader(h.Key) {
			dead.Headers = append(dead.Headers, h)
		}
	}
	dead.Headers = append(dead.Headers,
		kgo.RecordHeader{Key: headerReason, Value: []byte(reason)},
		kgo.RecordHeader{Key: headerSource, Value: []byte(k.settings.Name)})
	return k.client.ProduceSync(ctx, dead).FirstErr()
}

func (k *kafkaSource) acknowledge(ctx context.Context, messages []message) error {
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = m.handle.(*kgo.Record)
	}
	err := k.client.CommitRecords(ctx, records...)
	k.client.AllowRebalance()
	return err
}

func (k *kafkaSource) close() { k.client.CloseAllowingRebalance() }
