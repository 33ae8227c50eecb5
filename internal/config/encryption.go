package config

import (
	"errors"
	"fmt"

	"github.com/carteiro/carteiro/internal/seal"
)

// Encryption is the keys that encrypt the webhooks' secrets in the database. It is text here, not keys: the parser of the
// command line quotes what it cannot understand.
type Encryption struct {
	EncryptionKey     string `help:"Keys that encrypt the webhooks' secrets in the database, separated by commas. The first key encrypts, all keys decrypt; if the first is the word none, new secrets are not encrypted. \"carteiro secrets key\" creates a key. The process list shows the flag, so prefer the variable or --encryption-key-file." placeholder:"KEY"`
	EncryptionKeyFile string `help:"File that contains the keys, one per line." type:"path" placeholder:"FILE"`
}

// Keys reads the keys; nil when none are set. Its errors match [ErrUsage] and contain no part of a key.
func (e Encryption) Keys() (*seal.Keyring, error) {
	keys, err := e.keys()
	return keys, Usage(err)
}

func (e Encryption) keys() (*seal.Keyring, error) {
	text, name := e.EncryptionKey, "--encryption-key"
	if e.EncryptionKeyFile != "" {
		if text != "" {
			return nil, errors.New("set either --encryption-key or --encryption-key-file, not both")
		}
		name = "--encryption-key-file"
		read, err := readFile(e.EncryptionKeyFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		text = string(read)
	}
	keys, err := seal.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case keys == nil && e.EncryptionKeyFile != "":
		return nil, fmt.Errorf("%s: there is no key in the file", name)
	}
	return keys, nil
}
