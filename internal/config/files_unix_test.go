//go:build unix

package config_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/carteiro/carteiro/internal/config"
)

func TestANamedPipeWithoutAWriterDoesNotHang(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s := config.Server{EventsFile: path, SourcesFile: path, AdminTokenFile: path}
	if _, err := s.Catalogue(); err == nil || !strings.Contains(err.Error(), "the file is empty") {
		t.Error(err)
	}
	if _, err := s.Sources(); err == nil {
		t.Error("an empty pipe was read as sources")
	}
	if _, err := s.AdminTokenHash(); err == nil {
		t.Error("an empty pipe was read as a token")
	}
}
