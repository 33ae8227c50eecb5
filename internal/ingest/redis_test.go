package ingest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"carteiro/internal/config"
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
		messages, err := s.receive(w.t.Context())
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
	messages, err := w.connect().receive(t.Context())
	must(t, err)
	entry, err := w.client.XRevRange(t.Context(), w.s.Stream, "+", "-").Result()
	must(t, err)
	want := []string{"calls\nid\nits own", fmt.Sprintf("calls\nat\n%s %s\n", w.s.Stream, entry[0].ID)}
	if got := []string{messages[0].id, messages[1].id}; !slices.Equal(got, want) {
		t.Errorf("ids are %q, want %q", got, want)
	}
}
