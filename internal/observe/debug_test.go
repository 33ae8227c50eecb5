package observe_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/carteiro/carteiro/internal/observe"
)

func TestAPageCannotReadADebugPortUnderItsOwnName(t *testing.T) {
	handler := observe.CheckHost(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "secret")
	}), "metrics.internal")
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:9464": 200, "[::1]:9464": 200, "10.1.2.3": 200, "localhost:9464": 200, "a.localhost": 200, "LOCALHOST": 200,
		"metrics.internal:9464": 200, machine + ":9464": 200,
		"evil.example:9464": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "evillocalhost": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Host = host
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code != want {
			t.Errorf("Host %q: %d, want %d", host, answer.Code, want)
		}
	}
}
