package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/seal"
)

func TestKeysComeFromTheVariableOrTheFileAndAreNeverQuoted(t *testing.T) {
	one, two := seal.NewKey(), seal.NewKey()
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, test := range map[string]struct {
		set   config.Encryption
		keys  bool
		fault string
	}{
		"none":            {config.Encryption{}, false, ""},
		"in the variable": {config.Encryption{EncryptionKey: one + "," + two}, true, ""},
		"in the file":     {config.Encryption{EncryptionKeyFile: file("# new\n" + one + "\n" + two + "\n")}, true, ""},
		"in both":         {config.Encryption{EncryptionKey: one, EncryptionKeyFile: file(one)}, false, "not both"},
		"cut short":       {config.Encryption{EncryptionKey: one[1:]}, false, "--encryption-key: an encryption key is 32 bytes"},
		"file of nothing": {config.Encryption{EncryptionKeyFile: file("\n")}, false, "no key in the file"},
		"file of others":  {config.Encryption{EncryptionKeyFile: file(two[2:])}, false, "--encryption-key-file: an encryption key is 32 bytes"},
		"no file":         {config.Encryption{EncryptionKeyFile: "nowhere"}, false, "nowhere"},
	} {
		keys, err := test.set.Keys()
		switch {
		case test.fault == "" && err != nil, test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
			t.Errorf("%s: %v", name, err)
		case err != nil && (strings.Contains(err.Error(), one[4:12]) || strings.Contains(err.Error(), two[4:12])):
			t.Errorf("%s: the error holds a part of the key: %v", name, err)
		case (keys != nil) != test.keys:
			t.Errorf("%s: keys %v", name, keys)
		}
	}
}
