package ingest

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carteiro/carteiro/internal/config"
)

// natsBroker is a real server, in this process.
type natsBroker struct {
	js     jetstream.JetStream
	server *server.Server
}

// connections is how many clients are connected.
func (b natsBroker) connections() int { return b.server.NumClients() }

func startNATS(t *testing.T) broker {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	must(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not come up")
	}
	c, err := nats.Connect(s.ClientURL())
	must(t, err)
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	must(t, err)
	return natsBroker{js, s}
}

func (b natsBroker) source(t *testing.T) config.Source {
	for stream, subject := range map[string]string{"CALLS": "calls.*", "DEAD": "dead"} {
		// The broker's own window for duplicates is as good as off: what it lets through is for us to find.
		_, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream, Subjects: []string{subject}, Duplicates: 100 * time.Millisecond})
		must(t, err)
	}
	_, err := b.js.CreateConsumer(t.Context(), "CALLS", jetstream.ConsumerConfig{
		Durable: "carteiro", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 3 * time.Second,
	})
	must(t, err)
	return config.Source{URL: b.js.Conn().ConnectedUrl(), Stream: "CALLS", Group: "carteiro", DeadLetter: "dead"}
}

func (natsBroker) misleading() map[string]any {
	return map[string]any{"Nats-Expected-Stream": "CALLS"}
}

func (b natsBroker) put(t *testing.T, _ *config.Source, id string, headers map[string]any, body string) {
	msg := nats.NewMsg("calls.one")
	msg.Data = []byte(body)
	if id != "" {
		msg.Header.Set(nats.MsgIdHdr, id)
	}
	for name, value := range headers {
		msg.Header.Set(name, value.(string))
	}
	for {
		ack, err := b.js.PublishMsg(t.Context(), msg)
		must(t, err)
		if !ack.Duplicate {
			return
		}
		wait(t.Context(), 50*time.Millisecond) // until the broker's own window is over
	}
}

func (b natsBroker) buried(t *testing.T, _ *config.Source) (body string, headers map[string][]string) {
	stream, err := b.js.Stream(t.Context(), "DEAD")
	must(t, err)
	msg, err := stream.GetMsg(t.Context(), 1)
	must(t, err)
	return string(msg.Data), ours(msg.Header)
}

// kafkaBroker is franz-go's own broker for tests, which speaks the protocol, consumer groups included.
type kafkaBroker struct {
	url    string
	client *kgo.Client
}

func startKafka(t *testing.T) broker {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "calls"), kfake.SeedTopics(1, "dead"))
	must(t, err)
	t.Cleanup(c.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	must(t, err)
	t.Cleanup(client.Close)
	return kafkaBroker{"kafka://" + c.ListenAddrs()[0], client}
}

func (b kafkaBroker) source(*testing.T) config.Source {
	return config.Source{URL: b.url, Topic: "calls", Group: "carteiro", DeadLetter: "dead"}
}

func (kafkaBroker) misleading() map[string]any { return make(map[string]any) }

func (b kafkaBroker) put(t *testing.T, s *config.Source, id string, headers map[string]any, body string) {
	record := &kgo.Record{Topic: s.Topic, Value: []byte(body)}
	if id != "" {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: "message-id", Value: []byte(id)})
	}
	for name, value := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: []byte(value.(string))})
	}
	must(t, b.client.ProduceSync(t.Context(), record).FirstErr())
}

func (b kafkaBroker) buried(t *testing.T, s *config.Source) (body string, headers map[string][]string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.client.OptValue(kgo.SeedBrokers).([]string)...), kgo.ConsumeTopics(s.DeadLetter))
	must(t, err)
	defer client.Close()
	record := client.PollRecords(t.Context(), 1).Records()[0]
	headers = make(map[string][]string)
	for _, h := range record.Headers {
		headers[h.Key] = append(headers[h.Key], string(h.Value))
	}
	return string(record.Value), ours(headers)
}

// redisBroker is Debian's redis-server.
type redisBroker struct {
	url    string
	client *redis.Client
}

func startRedis(t *testing.T) broker {
	need(t, "redis-server", "scripts/need-redis")
	port := freePort(t)
	start(t, exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", ""))
	b := redisBroker{"redis://127.0.0.1:" + port, redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})}
	t.Cleanup(func() { must(t, b.client.Close()) })
	await(t, "redis-server", func(ctx context.Context) error { return b.client.Ping(ctx).Err() })
	return b
}

func (b redisBroker) source(*testing.T) config.Source {
	return config.Source{URL: b.url, Stream: "calls", Group: "carteiro", DeadLetter: "dead"}
}

func (redisBroker) misleading() map[string]any { return make(map[string]any) }

func (b redisBroker) put(t *testing.T, s *config.Source, id string, headers map[string]any, body string) {
	values := map[string]any{"data": body}
	if id != "" {
		values["id"] = id
	}
	maps.Copy(values, headers)
	must(t, b.client.XAdd(t.Context(), &redis.XAddArgs{Stream: s.Stream, Values: values}).Err())
}

func (b redisBroker) buried(t *testing.T, s *config.Source) (body string, headers map[string][]string) {
	entries, err := b.client.XRange(t.Context(), s.DeadLetter, "-", "+").Result()
	must(t, err)
	if len(entries) == 0 {
		t.Fatal("nothing is buried")
	}
	headers = make(map[string][]string)
	for name, value := range entries[0].Values {
		headers[name] = []string{fmt.Sprint(value)}
	}
	return fmt.Sprint(entries[0].Values["data"]), ours(headers)
}

// rabbitBroker is Debian's rabbitmq-server.
type rabbitBroker struct {
	url     string
	channel *amqp.Channel
}

func startRabbitMQ(t *testing.T) broker {
	const program = "/usr/lib/rabbitmq/bin/rabbitmq-server" // the one in the path changes the user
	need(t, program, "scripts/need-rabbitmq")
	dir, port, epmd := t.TempDir(), freePort(t), freePort(t)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "HOME="+dir, "RABBITMQ_NODENAME=carteiro"+port+"@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT="+port, "RABBITMQ_DIST_PORT="+freePort(t), "ERL_EPMD_PORT="+epmd, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_LOGS="+filepath.Join(dir, "log"), "RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "plugins"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "none"), "RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none", "RABBITMQ_FEATURE_FLAGS_FILE="+filepath.Join(dir, "flags"))
	// RabbitMQ would start this one as a daemon that outlives it.
	start(t, exec.Command("epmd", "-port", epmd, "-address", "127.0.0.1"))
	start(t, cmd)
	b := rabbitBroker{url: "amqp://127.0.0.1:" + port}
	var connection *amqp.Connection
	await(t, "rabbitmq-server", func(context.Context) (err error) {
		connection, err = amqp.Dial("amqp://guest:guest@127.0.0.1:" + port)
		return err
	})
	t.Cleanup(func() { _ = connection.Close() })
	var err error
	b.channel, err = connection.Channel()
	must(t, err)
	return b
}

func (b rabbitBroker) source(t *testing.T) config.Source {
	for _, queue := range []string{"calls", "dead"} {
		_, err := b.channel.QueueDeclare(queue, true, false, false, false, nil)
		must(t, err)
	}
	must(t, b.channel.Confirm(false))
	return config.Source{URL: b.url, Queue: "calls", DeadLetter: "dead", Username: "guest", Password: "guest"}
}

func (rabbitBroker) misleading() map[string]any { return map[string]any{"CC": []any{"calls"}} }

func (b rabbitBroker) put(t *testing.T, s *config.Source, id string, headers map[string]any, body string) {
	contentType, _ := headers["content-type"].(string)
	confirmation, err := b.channel.PublishWithDeferredConfirmWithContext(t.Context(), "", s.Queue, false, false,
		amqp.Publishing{MessageId: id, ContentType: contentType, Headers: headers, Body: []byte(body)})
	must(t, err)
	if ok, err := confirmation.WaitContext(t.Context()); err != nil || !ok {
		t.Fatal("not confirmed", err)
	}
}

func (b rabbitBroker) buried(t *testing.T, s *config.Source) (body string, headers map[string][]string) {
	d, ok, err := b.channel.Get(s.DeadLetter, true)
	must(t, err)
	if !ok {
		t.Fatal("nothing is buried")
	}
	headers = make(map[string][]string)
	for name, value := range d.Headers {
		headers[name] = []string{fmt.Sprint(value)}
	}
	return string(d.Body), ours(headers)
}

// ours gives the tenant and the headers that are named like Carteiro's, in any case.
func ours(headers map[string][]string) map[string][]string {
	maps.DeleteFunc(headers, func(name string, _ []string) bool { return !isOwnHeader(name) && name != tenant })
	return headers
}

// need has a script install a program that is missing; without it the test fails, and is not skipped in silence.
func need(t *testing.T, program, script string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join("..", "..", script)).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// start runs a broker until the test ends.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	setGroup(cmd)
	must(t, cmd.Start())
	t.Cleanup(func() {
		killGroup(cmd)
		_ = cmd.Wait()
	})
}

// await asks until the broker answers.
func await(t *testing.T, what string, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s does not come up: %v", what, err)
		}
		wait(ctx, 100*time.Millisecond)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
