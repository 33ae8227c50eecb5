package ingest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/carteiro/carteiro/internal/config"
)

// Fields of an entry that mean something here.
const (
	fieldData = "data" // the event
	fieldID   = "id"   // names the message, optional
)

// redisSource is a consumer of a Redis stream's group.
type redisSource struct {
	settings *config.Source
	client   *redis.Client
	consumer string
	// began says that what this consumer had in hand when it ended last time is done.
	began     bool
	claimedAt time.Time
}

func openRedis(ctx context.Context, s *config.Source) (source, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, err
	}
	options.Username, options.Password = s.Username, s.Password
	options.MaxRetries = -1 // trying again is the consumer's business
	if options.TLSConfig != nil {
		secure, err := tlsConfig(s)
		if err != nil {
			return nil, err
		}
		secure.ServerName = options.TLSConfig.ServerName
		options.TLSConfig = secure
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	r := &redisSource{settings: s, client: redis.NewClient(options), consumer: host}
	err = r.client.XGroupCreateMkStream(ctx, s.Stream, s.Group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		r.close()
		return nil, err
	}
	return r, nil
}

// receive gives first what this consumer left unacknowledged, now and then what another one did that has gone, and
// else what is new.
func (r *redisSource) receive(ctx context.Context) ([]message, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries, err := r.next(ctx)
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		if len(entries) > 0 {
			messages := make([]message, len(entries))
			for i := range entries {
				messages[i] = r.message(&entries[i])
			}
			return messages, nil
		}
	}
}

func (r *redisSource) next(ctx context.Context) ([]redis.XMessage, error) {
	if !r.began {
		entries, err := r.read(ctx, "0", -1)
		r.began = err == nil && len(entries) == 0
		return entries, err
	}
	if now := time.Now(); now.Sub(r.claimedAt) > ackWait {
		r.claimedAt = now
		entries, _, err := r.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: r.settings.Stream, Group: r.settings.Group, Consumer: r.consumer,
			MinIdle: ackWait, Start: "0", Count: int64(r.settings.Batch),
		}).Result()
		if err != nil || len(entries) > 0 {
			r.claimedAt = time.Time{} // there may be more
			return entries, err
		}
	}
	return r.read(ctx, ">", pollWait)
}

func (r *redisSource) read(ctx context.Context, after string, block time.Duration) ([]redis.XMessage, error) {
	streams, err := r.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: r.settings.Group, Consumer: r.consumer, Streams: []string{r.settings.Stream, after},
		Count: int64(r.settings.Batch), Block: block,
	}).Result()
	if err != nil || len(streams) == 0 {
		return nil, err
	}
	return streams[0].Messages, nil
}

func (r *redisSource) message(entry *redis.XMessage) message {
	m := message{handle: entry}
	for name, value := range entry.Values {
		text, _ := value.(string)
		switch name {
		case fieldData:
			m.body = []byte(text)
		case fieldID:
			m.id = brokerID(r.settings, text)
		default:
			m.setHeader(name, text)
		}
	}
	if m.id == "" {
		m.id = position(r.settings, r.settings.Stream, entry.ID) // the entry's id holds its time
	}
	return m
}

func (r *redisSource) deadLetter(ctx context.Context, m *message, reason string) error {
	values := map[string]any{}
	for name, value := range m.handle.(*redis.XMessage).Values {
		if !isOwnHeader(name) {
			values[name] = value
		}
	}
	values[headerReason], values[headerSource] = reason, r.settings.Name
	return r.client.XAdd(ctx, &redis.XAddArgs{Stream: r.settings.DeadLetter, Values: values}).Err()
}

func (r *redisSource) acknowledge(ctx context.Context, messages []message) error {
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.handle.(*redis.XMessage).ID
	}
	return r.client.XAck(ctx, r.settings.Stream, r.settings.Group, ids...).Err()
}

func (r *redisSource) close() { _ = r.client.Close() }
