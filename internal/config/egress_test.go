package config_test

import (
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/config"
)

func TestAProxyIsNamedByAURLThatIsNeverRepeated(t *testing.T) {
	for _, good := range []string{"http://proxy:3128", "https://me:tellnoone@proxy.example:8443/", "http://[::1]:3128", "http://10.0.0.1:3128"} {
		if u, err := (config.Egress{EgressProxy: good}).Proxy(); err != nil || u == nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"proxy:3128", "socks5://tellnoone@proxy:1080", "http://me:tellnoone@proxy", "http://:3128", "http://tellnoone:3128/path",
		"http://proxy:3128?tellnoone", "http://%zztellnoone:1", "tellnoone",
	} {
		s := config.Server{Egress: config.Egress{EgressProxy: bad}}
		if _, err := s.Proxy(); err == nil || strings.Contains(err.Error(), "tellnoone") {
			t.Errorf("%s: %v", bad, err)
		}
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "--egress-proxy must be") || strings.Contains(err.Error(), "tellnoone") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if u, err := (config.Egress{}).Proxy(); u != nil || err != nil {
		t.Error(u, err)
	}
}

func TestAFileAddsCertificateAuthorities(t *testing.T) {
	receiver := httptest.NewTLSServer(nil)
	defer receiver.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	e := config.Egress{EgressCAFile: file}
	if _, err := e.Roots(); err == nil || !strings.Contains(err.Error(), "--egress-ca-file") {
		t.Errorf("a file that is not there: %v", err)
	}
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("no certificate"))
	if _, err := e.Roots(); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("a file without one: %v", err)
	}
	write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw}))
	if roots, err := e.Roots(); err != nil || roots == nil {
		t.Error(err)
	}
	if roots, err := (config.Egress{}).Roots(); roots != nil || err != nil && !errors.Is(err, config.ErrNoAuthorities) {
		t.Error("without a file there is more than the system's")
	}
}
