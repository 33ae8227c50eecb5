package ingest

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/carteiro/carteiro/internal/config"
)

func TestAConnectionIsEncryptedWhenItsURLSaysSo(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	dir := t.TempDir()
	authorities, empty := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "empty.pem")
	must(t, os.WriteFile(authorities, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	must(t, os.WriteFile(empty, []byte("nothing"), 0o600))
	for _, test := range []struct {
		url, caFile  string
		secure, fail bool
	}{
		{"nats://h", "", false, false}, {"amqp://h", "", false, false}, {"kafka://h", "", false, false}, {"redis://h", authorities, false, false},
		{"tls://h", "", true, false}, {"amqps://h", "", true, false}, {"kafka+tls://h", "", true, false}, {"rediss://h", "", true, false},
		{"tls://h", authorities, true, false}, {"tls://h", empty, false, true}, {"tls://h", filepath.Join(dir, "none"), false, true},
	} {
		c, err := tlsConfig(&config.Source{URL: test.url, CAFile: test.caFile})
		if (err != nil) != test.fail || (c != nil) != test.secure {
			t.Errorf("%s with %q: %v, %v", test.url, test.caFile, c, err)
			continue
		}
		if c == nil {
			continue
		}
		if (c.RootCAs != nil) != (test.caFile != "") || c.MinVersion != tls.VersionTLS12 {
			t.Errorf("%s with %q trusts %v, from version %x", test.url, test.caFile, c.RootCAs, c.MinVersion)
		}
	}
}

func TestAnUnknownKindIsAnError(t *testing.T) {
	if _, err := open(t.Context(), &config.Source{Kind: "x"}); err == nil {
		t.Error("a source of no kind was opened")
	}
}

func TestAReasonIsOneLineOfAHeader(t *testing.T) {
	if got, want := oneLine("a\r\nb\tc d"), "a  b c d"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// natsStreams makes the streams of the story, without their consumer.
func natsStreams(t *testing.T) (natsBroker, config.Source) {
	t.Helper()
	b := startNATS(t).(natsBroker)
	s := b.source(t)
	must(t, b.js.DeleteConsumer(t.Context(), s.Stream, s.Group))
	s.Name, s.Kind, s.Batch = "calls", config.NATS, 3
	return b, s
}

func TestANATSConsumerIsMadeWhenThereIsNone(t *testing.T) {
	b, s := natsStreams(t)
	s.Subject = "calls.two"
	opened, err := openNATS(t.Context(), &s)
	must(t, err)
	defer opened.close()
	consumer, err := b.js.Consumer(t.Context(), s.Stream, s.Group)
	must(t, err)
	got := consumer.CachedInfo().Config
	if got.Durable != "carteiro" || got.FilterSubject != "calls.two" || got.AckPolicy != jetstream.AckExplicitPolicy ||
		got.AckWait != ackWait || got.MaxAckPending != 6 {
		t.Errorf("the consumer is %+v", got)
	}
}

func TestANATSConsumerThatIsThereIsLeftAsItIs(t *testing.T) {
	b, s := natsStreams(t)
	_, err := b.js.CreateConsumer(t.Context(), s.Stream, jetstream.ConsumerConfig{Durable: s.Group, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 17})
	must(t, err)
	opened, err := openNATS(t.Context(), &s)
	must(t, err)
	defer opened.close()
	consumer, err := b.js.Consumer(t.Context(), s.Stream, s.Group)
	must(t, err)
	if got := consumer.CachedInfo().Config; got.MaxAckPending != 17 {
		t.Errorf("the consumer is %+v", got)
	}
}

func TestANATSStreamThatIsNotThereIsAnErrorAndLeavesNoConnection(t *testing.T) {
	b, s := natsStreams(t)
	before := b.connections()
	s.Stream = "NONE"
	if _, err := openNATS(t.Context(), &s); err == nil {
		t.Fatal("a stream that is not there was opened")
	}
	// The server counts a connection out a moment after it was closed.
	await(t, "the end of the connection", func(context.Context) error {
		if now := b.connections(); now != before {
			return errors.New("a connection is open")
		}
		return nil
	})
}

func TestANATSBatchIsBoundedAndNamesEachMessage(t *testing.T) {
	b, s := natsStreams(t)
	b.put(t, &s, "its own", nil, "a")
	for range 3 {
		b.put(t, &s, "", nil, "b")
	}
	opened, err := openNATS(t.Context(), &s)
	must(t, err)
	defer opened.close()
	first, err := receiveSoon(t, opened)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), settleTimeout) // the client insists on a deadline
	defer cancel()
	must(t, opened.acknowledge(ctx, first))
	second, err := receiveSoon(t, opened)
	must(t, err)
	if len(first) != 3 || len(second) != 1 {
		t.Fatalf("batches of %d and %d, want 3 and 1", len(first), len(second))
	}
	if first[0].id != "calls\nid\nits own" || !strings.HasPrefix(first[1].id, "calls\nat\nCALLS 2 ") || first[1].id == first[2].id {
		t.Errorf("ids are %q, %q and %q", first[0].id, first[1].id, first[2].id)
	}
}

// Kafka's servers tell clients apart by one of these.
func TestKafkaLogsInByTheNamedMechanism(t *testing.T) {
	for name, want := range map[string]string{"scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512", "plain": "PLAIN", "": "PLAIN"} {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "calls"), kfake.EnableSASL(), kfake.Superuser(want, "ana", "secret"))
		must(t, err)
		s := config.Source{Name: "calls", URL: "kafka://" + c.ListenAddrs()[0], Topic: "calls", Group: "g", Username: "ana", Password: "secret", SASL: name}
		opened, err := openKafka(t.Context(), &s)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		} else {
			opened.close()
		}
		s.Password = "wrong"
		if opened, err := openKafka(t.Context(), &s); err == nil {
			opened.close()
			t.Errorf("%q: a wrong password was accepted", name)
		}
		c.Close()
	}
}

func TestNATSLogsInWithAUserOrAToken(t *testing.T) {
	for name, test := range map[string]struct {
		server natsserver.Options
		right  config.Source
	}{
		"a user":  {natsserver.Options{Username: "ana", Password: "secret"}, config.Source{Username: "ana", Password: "secret"}},
		"a token": {natsserver.Options{Authorization: "secret"}, config.Source{Password: "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := test.server
			o.Host, o.Port, o.JetStream, o.StoreDir, o.NoSigs, o.NoLog = "127.0.0.1", -1, true, t.TempDir(), true, true
			server, err := natsserver.NewServer(&o)
			must(t, err)
			server.Start()
			defer server.WaitForShutdown()
			defer server.Shutdown()
			if !server.ReadyForConnections(20 * time.Second) {
				t.Fatal("the server does not come up")
			}
			s := test.right
			s.Name, s.URL, s.Stream, s.Group = "calls", server.ClientURL(), "NONE", "g"
			if _, err := openNATS(t.Context(), &s); !errors.Is(err, jetstream.ErrStreamNotFound) {
				t.Errorf("with the right password: %v", err)
			}
			s.Password = "wrong"
			if _, err := openNATS(t.Context(), &s); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("with a wrong password: %v", err)
			}
		})
	}
}

func TestANATSBatchMayBeOfOne(t *testing.T) {
	b, s := natsStreams(t)
	s.Batch = 1
	b.put(t, &s, "", nil, "a")
	b.put(t, &s, "", nil, "b")
	opened, err := openNATS(t.Context(), &s)
	must(t, err)
	defer opened.close()
	for _, want := range []string{"a", "b"} {
		messages, err := receiveSoon(t, opened)
		must(t, err)
		if len(messages) != 1 || string(messages[0].body) != want {
			t.Errorf("got %d messages, want %s alone", len(messages), want)
		}
	}
}

// A broker that speaks TLS is connected to when its certificate is of the authorities in the file, and only then.
func TestATLSConnectionIsCheckedAgainstTheAuthorities(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(authorities, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}), 0o600))
	secure := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}

	o := &natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, TLSConfig: secure, TLS: true}
	server, err := natsserver.NewServer(o)
	must(t, err)
	server.Start()
	defer server.WaitForShutdown()
	defer server.Shutdown()
	if !server.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not come up")
	}
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "calls"), kfake.TLS(secure))
	must(t, err)
	defer kafka.Close()
	for _, s := range []config.Source{
		{Kind: config.NATS, URL: "tls://" + server.Addr().String(), Stream: "NONE"}, {Kind: config.Kafka, URL: "kafka+tls://" + kafka.ListenAddrs()[0], Topic: "calls"},
	} {
		s.Name, s.Group, s.CAFile = "calls", "g", authorities
		opened, err := open(t.Context(), &s)
		if err == nil {
			opened.close()
		} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("%s: %v", s.URL, err)
		}
		s.CAFile = ""
		if opened, err := open(t.Context(), &s); err == nil || errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("%s: a certificate of an unknown authority was taken: %v, %v", s.URL, opened, err)
		}
	}
}
