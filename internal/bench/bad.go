package bench

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// badReceiver is slow at /slow and later at /late, never answers at /never, and answers at once at /hanging until hang is set.
type badReceiver struct {
	*http.Server
	url    string
	waiter atomic.Pointer[chan time.Time]
	hang   atomic.Bool
	quick  atomic.Int64 // answered at /hanging
}

// next tells when the next request has come.
func (b *badReceiver) next() <-chan time.Time {
	waiter := make(chan time.Time, 1)
	b.waiter.Store(&waiter)
	return waiter
}

// answered waits until so many requests have been answered at /hanging.
func (b *badReceiver) answered(ctx context.Context, n int64) error {
	for b.quick.Load() < n {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ServeHTTP takes a delivery.
func (b *badReceiver) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if waiter := b.waiter.Swap(nil); waiter != nil {
		*waiter <- time.Now()
	}
	_, _ = io.Copy(io.Discard, r.Body)
	wait := lateAnswer
	switch {
	case r.URL.Path == "/never", r.URL.Path == "/hanging" && b.hang.Load():
		<-r.Context().Done()
		return
	case r.URL.Path == "/hanging":
		b.quick.Add(1)
		return
	case r.URL.Path == "/slow":
		wait = slowAnswer
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
	}
}

func startBadReceiver(ctx context.Context) (*badReceiver, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &badReceiver{url: "http://" + listener.Addr().String()}
	b.Server = &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	go func() { _ = b.Serve(listener) }()
	return b, nil
}
