package ingest

import (
	"errors"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/carteiro/carteiro/internal/config"
)

func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	b := startRabbitMQ(t).(rabbitBroker)
	s := b.source(t)
	s.Name, s.Kind, s.Batch = "calls", config.RabbitMQ, 3
	connect := func(t *testing.T, s config.Source) source {
		t.Helper()
		opened, err := openRabbitMQ(t.Context(), &s)
		must(t, err)
		t.Cleanup(opened.close)
		return opened
	}

	t.Run("a dead-letter queue that is not there is an error", func(t *testing.T) {
		absent := s
		absent.DeadLetter = "absent"
		if opened, err := openRabbitMQ(t.Context(), &absent); err == nil {
			opened.close()
			t.Error("it was opened")
		}
	})

	t.Run("a batch is bounded, and acknowledged as a whole", func(t *testing.T) {
		for _, body := range []string{"a", "b", "c", "d"} {
			b.put(t, &s, "", nil, body)
		}
		none := s
		none.DeadLetter = "" // it needs none
		opened := connect(t, none)
		got := 0
		for got < 4 {
			messages, err := receiveSoon(t, opened)
			must(t, err)
			if got += len(messages); len(messages) > 3 {
				t.Errorf("a batch of %d", len(messages))
			}
			must(t, opened.acknowledge(t.Context(), messages))
		}
		opened.close()
		if d, ok, err := b.channel.Get(s.Queue, true); err != nil || ok {
			t.Errorf("%s came again, %v", d.Body, err)
		}
	})

	t.Run("a dead letter is the message with its properties", func(t *testing.T) {
		sent := amqp.Publishing{
			MessageId: "m", ContentType: "text/plain", ContentEncoding: "gzip", Timestamp: time.Unix(1_700_000_000, 0), Type: "type", AppId: "app",
			Headers: amqp.Table{"BCC": []any{s.Queue}, tenant: "acme"}, Body: []byte("bad"),
		}
		must(t, b.channel.PublishWithContext(t.Context(), "", s.Queue, false, false, sent))
		opened := connect(t, s)
		messages, err := receiveSoon(t, opened)
		must(t, err)
		if got := messages[0]; got.id != "calls\nid\nm" || got.header.Get("Content-Type") != "text/plain" || got.header.Get(tenant) != "acme" {
			t.Errorf("received %q with %v", got.id, got.header)
		}
		must(t, opened.(*rabbitSource).deadLetter(t.Context(), &messages[0], "no"))
		d, ok, err := b.channel.Get(s.DeadLetter, true)
		if err != nil || !ok {
			t.Fatal("nothing is buried", err)
		}
		if d.MessageId != "m" || d.ContentType != "text/plain" || d.ContentEncoding != "gzip" || !d.Timestamp.Equal(sent.Timestamp) ||
			d.Type != "type" || d.AppId != "app" || string(d.Body) != "bad" || d.DeliveryMode != amqp.Persistent {
			t.Errorf("buried %+v", d)
		}
		if len(d.Headers) != 3 || d.Headers[headerReason] != "no" || d.Headers[headerSource] != "calls" || d.Headers[tenant] != "acme" {
			t.Errorf("buried with %v", d.Headers)
		}
	})

	t.Run("a message without a content type has none", func(t *testing.T) {
		purge(t, b, s.Queue)
		b.put(t, &s, "", nil, "a")
		messages, err := receiveSoon(t, connect(t, s))
		must(t, err)
		if got := messages[0]; len(got.header) != 0 || got.id != "" {
			t.Errorf("received %q with %v", got.id, got.header)
		}
	})

	t.Run("a queue that is deleted ends the connection", func(t *testing.T) {
		purge(t, b, s.Queue)
		opened := connect(t, s)
		_, err := b.channel.QueueDelete(s.Queue, false, false, false)
		must(t, err)
		if _, err := receiveSoon(t, opened); !errors.Is(err, errChannelClosed) {
			t.Errorf("got %v, want %v", err, errChannelClosed)
		}
	})
}

func purge(t *testing.T, b rabbitBroker, queue string) {
	t.Helper()
	_, err := b.channel.QueuePurge(queue, false)
	must(t, err)
}
