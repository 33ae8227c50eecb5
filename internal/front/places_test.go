package front_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro/internal/front"
)

// Whoever comes when all connections are taken is told so, and may come again; those that are there go on. It makes no
// difference who has taken them, the front or net/http.
func TestWhoFindsNoPlaceIsTold(t *testing.T) {
	l := listen(t)
	f := front.New(l, front.Config{
		Handler: http.HandlerFunc(echo), Takes: takes, IdleTimeout: time.Minute, HeadTimeout: time.Minute, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		Logger: slog.New(slog.DiscardHandler), MaxConnections: 2, Name: func() string { return "refused-1" },
	})
	server := &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(f)
	}()
	defer func() {
		_ = f.Shutdown(t.Context())
		_ = server.Close()
		<-served
	}()
	ours, others := dial(t, l), dial(t, l)
	get := "GET /else HTTP/1.1\r\nHost: here\r\n\r\n"
	ours.ask(t, "")
	if status, _ := ours.answer(t); status != http.StatusAccepted {
		t.Fatalf("the front's: %d", status)
	}
	if _, err := io.WriteString(others, get); err != nil {
		t.Fatal(err)
	}
	if status, _ := others.answer(t); status != http.StatusAccepted {
		t.Fatalf("net/http's: %d", status)
	}
	// It asks before it is told, and reads only then.
	refused := dial(t, l)
	refused.ask(t, "X-Asked: "+strings.Repeat("x", 4<<10)+"\r\n")
	response, err := http.ReadResponse(refused.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || !response.Close ||
		response.Header.Get("X-Request-Id") != "refused-1" || err != nil || !strings.Contains(string(body), "Too many connections") {
		t.Errorf("it is told %s %v %s, %v", response.Status, response.Header, body, err)
	}
	for _, leaves := range []net.Conn{ours, others} {
		_ = leaves.Close()
		for took := false; !took; { // once the server has noticed
			c := dial(t, l)
			c.ask(t, "")
			response, err := http.ReadResponse(c.r, nil)
			if err != nil {
				continue // it was closed unheard
			}
			took = response.StatusCode == http.StatusAccepted
			_ = response.Body.Close()
		}
	}
}
