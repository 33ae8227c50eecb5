package ingest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/carteiro/carteiro/internal/config"
)

// redisWorld is a Redis with a stream whose group has entries that consumers have read and not acknowledged.
type redisWorld struct {
	redisBroker
	t *testing.T
	s config.Source
}

func newRedisWorld(t *testing.T) *redisWorld {
	t.Helper()
	w := &redisWorld{t: t, redisBroker: startRedis(t).(redisBroker)}
	w.s = w.source(t)
	w.s.Name, w.s.Kind, w.s.Batch = "calls", config.Redis, 2
	must(t, w.client.XGroupCreateMkStream(t.Context(), w.s.Stream, w.s.Group, "0").Err())
	return w
}

// read has another consumer read so many new entries and gives their ids.
func (w *redisWorld) read(consumer string, n int64) (ids []string) {
	w.t.Helper()
	streams, err := w.client.XReadGroup(w.t.Context(), &redis.XReadGroupArgs{
		Group: w.s.Group, Consumer: consumer, Streams: []string{w.s.Stream, ">"}, Count: n,
	}).Result()
	must(w.t, err)
	for _, entry := range streams[0].Messages {
		ids = append(ids, entry.ID)
	}
	return ids
}

// age has entries look as if a consumer had read them so long ago.
func (w *redisWorld) age(consumer string, idle time.Duration, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		must(w.t, w.client.Do(w.t.Context(), "XCLAIM", w.s.Stream, w.s.Group, consumer, 0, id, "IDLE", idle.Milliseconds()).Err())
	}
}

func (w *redisWorld) put(bodies ...string) {
	for _, body := range bodies {
		w.redisBroker.put(w.t, &w.s, "", nil, body)
	}
}

// connect opens the source until the test ends.
func (w *redisWorld) connect() source {
	w.t.Helper()
	opened, err := openRedis(w.t.Context(), &w.s)
	must(w.t, err)
	w.t.Cleanup(opened.close)
	return opened
}

// wantBatches holds what a source receives, batch by batch, each acknowledged.
func (w *redisWorld) wantBatches(s source, want ...[]string) {
	w.t.Helper()
	for i, batch := range want {
		messages, err := receiveSoon(w.t, s)
		must(w.t, err)
		var got []string
		for _, m := range messages {
			got = append(got, string(m.body))
		}
		if !slices.Equal(got, batch) {
			w.t.Errorf("batch %d is %q, want %q", i+1, got, batch)
		}
		must(w.t, s.acknowledge(w.t.Context(), messages))
	}
}

// receiveSoon is receive, which fails when nothing comes.
func receiveSoon(t *testing.T, s source) ([]message, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return s.receive(ctx)
}

// wantHolder holds that all entries that are pending are those of one consumer.
func (w *redisWorld) wantHolder(want string, n int64) {
	w.t.Helper()
	p, err := w.client.XPending(w.t.Context(), w.s.Stream, w.s.Group).Result()
	must(w.t, err)
	if p.Count != n || len(p.Consumers) != 1 || p.Consumers[want] != n {
		w.t.Errorf("%v have entries pending, want %q with %d", p.Consumers, want, n)
	}
}

func (w *redisWorld) pending() int64 {
	w.t.Helper()
	p, err := w.client.XPending(w.t.Context(), w.s.Stream, w.s.Group).Result()
	must(w.t, err)
	return p.Count
}

func TestRedisEntriesOfAConsumerThatIsGoneAreTakenOver(t *testing.T) {
	w := newRedisWorld(t)
	w.put("a", "b", "c", "d", "e")
	old := w.read("gone", 3)
	w.age("gone", ackWait+time.Second, old...)
	young := w.read("alive", 1)
	w.age("alive", ackWait/2, young...)
	// Two batches of the consumer that is gone, then what nobody has read. The consumer that is alive keeps its own.
	w.wantBatches(w.connect(), []string{"a", "b"}, []string{"c"}, []string{"e"})
	if n := w.pending(); n != 1 {
		t.Errorf("%d entries are pending, want the one of the consumer that is alive", n)
	}
}

func TestRedisEntriesThatWereNotAcknowledgedComeAgainAfterAReconnect(t *testing.T) {
	w := newRedisWorld(t)
	w.put("a", "b", "c", "d")
	first := w.connect()
	for range 2 {
		_, err := first.receive(t.Context())
		must(t, err)
	}
	first.close()
	w.put("e")
	w.wantBatches(w.connect(), []string{"a", "b"}, []string{"c", "d"}, []string{"e"})
	if n := w.pending(); n != 0 {
		t.Errorf("%d entries are pending", n)
	}
}

func TestARedisEntryIsNamedByItsIDOrItsPlace(t *testing.T) {
	w := newRedisWorld(t)
	w.redisBroker.put(t, &w.s, "its own", nil, "a")
	w.put("b")
	messages, err := receiveSoon(t, w.connect())
	must(t, err)
	entry, err := w.client.XRevRange(t.Context(), w.s.Stream, "+", "-").Result()
	must(t, err)
	want := []string{"calls\nid\nits own", fmt.Sprintf("calls\nat\n%s %s\n", w.s.Stream, entry[0].ID)}
	if got := []string{messages[0].id, messages[1].id}; !slices.Equal(got, want) {
		t.Errorf("ids are %q, want %q", got, want)
	}
}

// A node that is restarted goes on with what it had: its consumer has the name of its host.
func TestRedisKnowsAConsumerByItsHost(t *testing.T) {
	host, err := os.Hostname()
	must(t, err)
	w := newRedisWorld(t)
	w.put("a")
	w.age("gone", ackWait+time.Second, w.read("gone", 1)...)
	s := w.connect()
	_, err = receiveSoon(t, s)
	must(t, err)
	w.wantHolder(host, 1) // taken over
	w.put("b")
	_, err = receiveSoon(t, s)
	must(t, err)
	w.wantHolder(host, 2) // read
}
