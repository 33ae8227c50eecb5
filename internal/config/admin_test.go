package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/config"
)

func TestTheAdminTokenIsOffUnlessSetAndHardToGuess(t *testing.T) {
	long := strings.Repeat("s3cret-", 5)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		server config.Server
		want   carteiro.TokenHash
		fault  string
	}{
		"none":            {},
		"set":             {server: config.Server{AdminToken: long}, want: carteiro.HashToken(long)},
		"in a file":       {server: config.Server{AdminTokenFile: file(long + "\n")}, want: carteiro.HashToken(long)},
		"too short":       {server: config.Server{AdminToken: long[:31]}, fault: "at least 32 characters"},
		"short in a file": {server: config.Server{AdminTokenFile: file("short-s3cret")}, fault: "at least 32 characters"},
		"an empty file":   {server: config.Server{AdminTokenFile: file(" \n")}, fault: "there is no token in the file"},
		"no file":         {server: config.Server{AdminTokenFile: "/no/such/file"}, fault: "--admin-token-file: open /no/such/file"},
		"both at once":    {server: config.Server{AdminToken: long, AdminTokenFile: file(long)}, fault: "not both"},
	} {
		got, err := test.server.AdminTokenHash()
		if got != test.want || (err == nil) != (test.fault == "") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), test.fault) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
