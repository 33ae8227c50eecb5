package observe

import (
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"os"
	"runtime/trace"
	"slices"
	"strings"
	"time"
)

// Bounds of what the flight recorder keeps.
const (
	flightMinAge   = 10 * time.Second
	flightMaxBytes = 16 << 20
)

// FlightRecorder keeps what ran last, to be looked at once something has gone wrong.
type FlightRecorder struct{ flight *trace.FlightRecorder }

// StartFlightRecorder begins to keep. It costs processor time, so that it is only for who asked for it.
func StartFlightRecorder() (*FlightRecorder, error) {
	flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: flightMinAge, MaxBytes: flightMaxBytes})
	return &FlightRecorder{flight}, flight.Start()
}

// Stop ends the keeping.
func (r *FlightRecorder) Stop() { r.flight.Stop() }

// Handler serves the profiles below /debug/pprof/ and the recording at /debug/flight, for go tool trace.
func (r *FlightRecorder) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", serveCommand)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/flight", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="carteiro.trace"`)
		if _, err := r.flight.WriteTo(w); err != nil {
			http.Error(w, err.Error(), http.StatusConflict) // another one is reading it
		}
	})
	return mux
}

// serveCommand names the program, for which go tool pprof asks; what stands behind it may hold a password or a key.
func serveCommand(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, os.Args[0]) //nolint:gosec // the program's own name, as plain text
}

// CheckHost answers requests whose Host is a name that is not allowed with 421: a web page can have its own name resolve to
// this server (DNS rebinding) and would then read what the server answers. Addresses, localhost and this machine's name are
// always allowed.
func CheckHost(next http.Handler, allowed ...string) http.Handler {
	if name, err := os.Hostname(); err == nil {
		allowed = append(allowed, name)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower((&url.URL{Host: r.Host}).Hostname())
		_, err := netip.ParseAddr(host)
		if err != nil && host != "localhost" && !strings.HasSuffix(host, ".localhost") && !slices.Contains(allowed, host) {
			http.Error(w, "unknown host: use an address, localhost, or the name of this machine", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Loopback says whether only this machine reaches an address.
func Loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
