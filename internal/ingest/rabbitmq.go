package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/carteiro/carteiro/internal/config"
)

// rabbitSource is a queue of RabbitMQ.
type rabbitSource struct {
	settings   *config.Source
	connection *amqp.Connection
	channel    *amqp.Channel
	deliveries <-chan amqp.Delivery
}

func openRabbitMQ(_ context.Context, s *config.Source) (source, error) {
	secure, err := tlsConfig(s)
	if err != nil {
		return nil, err
	}
	c := amqp.Config{TLSClientConfig: secure, Heartbeat: 10 * time.Second, Dial: amqp.DefaultDial(5 * time.Second)}
	if s.Username != "" {
		c.SASL = []amqp.Authentication{&amqp.PlainAuth{Username: s.Username, Password: s.Password}}
	}
	r := &rabbitSource{settings: s}
	if r.connection, err = amqp.DialConfig(s.URL, c); err != nil {
		return nil, err
	}
	if err := r.subscribe(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rabbitSource) subscribe() (err error) {
	if r.channel, err = r.connection.Channel(); err != nil {
		return err
	}
	if err := r.channel.Qos(r.settings.Batch, 0, false); err != nil {
		return err
	}
	if r.settings.DeadLetter != "" {
		// A queue that is not there would lose what is buried without a word.
		if _, err := r.channel.QueueDeclarePassive(r.settings.DeadLetter, true, false, false, false, nil); err != nil {
			return fmt.Errorf("dead_letter: %w", err)
		}
		if err := r.channel.Confirm(false); err != nil {
			return err
		}
	}
	r.deliveries, err = r.channel.Consume(r.settings.Queue, "", false, false, false, false, nil)
	return err
}

var errChannelClosed = errors.New("the broker closed the channel")

func (r *rabbitSource) receive(ctx context.Context) ([]message, error) {
	var messages []message
	select {
	case d, ok := <-r.deliveries:
		if !ok {
			return nil, errChannelClosed
		}
		messages = append(messages, r.message(&d))
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for len(messages) < r.settings.Batch {
		select {
		case d, ok := <-r.deliveries:
			if !ok {
				return nil, errChannelClosed
			}
			messages = append(messages, r.message(&d))
		default:
			return messages, nil
		}
	}
	return messages, nil
}

func (r *rabbitSource) message(d *amqp.Delivery) message {
	m := message{body: d.Body, handle: d, id: brokerID(r.settings, d.MessageId)}
	for name, value := range d.Headers {
		if text, ok := value.(string); ok {
			m.setHeader(name, text)
		}
	}
	if d.ContentType != "" {
		m.setHeader("content-type", d.ContentType)
	}
	return m
}

func (r *rabbitSource) deadLetter(ctx context.Context, m *message, reason string) error {
	d := m.handle.(*amqp.Delivery)
	headers := amqp.Table{headerReason: reason, headerSource: r.settings.Name}
	for name, value := range d.Headers {
		if !isOwnHeader(name) && !routesRabbitMQ(name) {
			headers[name] = value
		}
	}
	confirmation, err := r.channel.PublishWithDeferredConfirmWithContext(ctx, "", r.settings.DeadLetter, false, false, amqp.Publishing{
		Headers: headers, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: amqp.Persistent,
		MessageId: d.MessageId, Timestamp: d.Timestamp, Type: d.Type, AppId: d.AppId, Body: d.Body,
	})
	if err != nil {
		return err
	}
	if ok, err := confirmation.WaitContext(ctx); err != nil || !ok {
		return errors.Join(err, errors.New("the broker did not take the dead letter"))
	}
	return nil
}

// routesRabbitMQ reports whether a header makes the server send a copy elsewhere. Copied to the dead letter, it could send
// the message back to the queue that it was taken from, again and again.
func routesRabbitMQ(name string) bool { return name == "CC" || name == "BCC" }

// acknowledge takes the last one's tag for all: a channel gives deliveries in order, and there is no other batch of it.
func (r *rabbitSource) acknowledge(_ context.Context, messages []message) error {
	return messages[len(messages)-1].handle.(*amqp.Delivery).Ack(true)
}

func (r *rabbitSource) close() { _ = r.connection.CloseDeadline(time.Now().Add(2 * time.Second)) }
