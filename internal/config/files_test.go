package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/config"
)

func TestEveryFaultOfASettingsFileIsAUsageError(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("bad", "hunter2")
	read := func(s config.Server) error {
		_, events := s.Catalogue()
		_, sources := s.Sources()
		_, keys := s.Keys()
		_, token := s.AdminTokenHash()
		_, level := s.Level()
		_, roots := s.Roots()
		if errors.Is(roots, config.ErrNoAuthorities) {
			roots = nil
		}
		return errors.Join(events, sources, keys, token, level, roots)
	}
	if err := read(config.Server{}); err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]func(s *config.Server, path string){
		"events":      func(s *config.Server, path string) { s.EventsFile = path },
		"sources":     func(s *config.Server, path string) { s.SourcesFile = path },
		"keys":        func(s *config.Server, path string) { s.EncryptionKeyFile = path },
		"admin token": func(s *config.Server, path string) { s.AdminTokenFile = path },
		"log level":   func(s *config.Server, path string) { s.LogLevelFile = path },
		"authorities": func(s *config.Server, path string) { s.EgressCAFile = path },
	} {
		for _, path := range []string{bad, dir, filepath.Join(dir, "nowhere"), "/dev/zero"} {
			var s config.Server
			set(&s, path)
			if err := read(s); !errors.Is(err, config.ErrUsage) {
				t.Errorf("%s in %s: %v", name, path, err)
			} else if strings.Contains(err.Error(), "hunter2") && name != "log level" {
				t.Errorf("%s: the error quotes the file: %v", name, err)
			}
		}
	}
}

func TestAnEventTypeIsSafeToPutIntoAHeader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.json")
	catalogue := func(name, description string) error {
		t.Helper()
		text := `{"agent":[{"name":"` + name + `","description":"` + description + `"}]}`
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := config.Server{EventsFile: path}
		_, err := s.Catalogue()
		return err
	}
	for _, name := range []string{"a", "Order.Placed-2_x", strings.Repeat("a", 100)} {
		if err := catalogue(name, "Pedido “criado”"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", `a\r\nX-Injected: 1`, "a b", "ação", "a/b", strings.Repeat("a", 101), "webhook.test", "event_action"} {
		if err := catalogue(name, "x"); !errors.Is(err, config.ErrUsage) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, description := range []string{`a\nb`, `a\rb`, `a\u0000`, `a\u2028b`} {
		if err := catalogue("a", description); !errors.Is(err, config.ErrUsage) {
			t.Errorf("description %q: %v", description, err)
		}
	}
}

func TestFilesWithSecretsThatAllUsersCanReadAreListed(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open, group := file("open", 0o644), file("group", 0o640)
	s := config.Server{AdminTokenFile: group}
	s.EncryptionKeyFile = open
	if got := s.ListensPublicly(); !slices.Equal(got, []string{open}) {
		t.Error(got)
	}
	s.EncryptionKeyFile, s.AdminTokenFile = group, open
	if got := s.ListensPublicly(); !slices.Equal(got, []string{open}) {
		t.Error(got)
	}
	s.EncryptionKeyFile, s.AdminTokenFile = "", ""
	if got := s.ListensPublicly(); got != nil {
		t.Error(got)
	}
}
