package signature

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// SecretPrefix begins a secret whose key is the base64 behind it (Standard Webhooks 1.0, "Signature scheme").
const SecretPrefix = "whsec_"

// redacted stands wherever a Key would be printed.
const redacted = "[secret]"

// Faults of a secret. Neither text holds any part of the secret.
var (
	// ErrEmptySecret: the secret, or what stands behind its whsec_ prefix, is empty.
	ErrEmptySecret = errors.New("signing secret is empty")
	// ErrSecretEncoding: the secret begins with whsec_ and what follows is not padded standard base64.
	ErrSecretEncoding = errors.New("signing secret is not base64 behind " + SecretPrefix)
	// ErrSecretLength: what follows whsec_ is not 24 to 64 bytes.
	ErrSecretLength = fmt.Errorf("signing secret does not hold %d to %d bytes behind "+SecretPrefix, MinSecretBytes, MaxSecretBytes)
)

// Bounds of a new secret's key behind [SecretPrefix], in bytes (Standard Webhooks 1.0, "Signature scheme").
const (
	MinSecretBytes = 24
	MaxSecretBytes = 64
)

// newSecretBytes is how long a key is that is made here: as many bits as the hash has.
const newSecretBytes = 32

// NewSecret makes a secret, as [ParseSecret] reads it.
func NewSecret() string {
	key := make([]byte, newSecretBytes)
	_, _ = rand.Read(key) // it never fails
	return SecretPrefix + base64.StdEncoding.EncodeToString(key)
}

// CheckSecret says what is wrong with a secret that is to be stored: it fails as [ParseSecret] does, and with
// [ErrSecretLength]. Secrets that were stored before lengths were looked at go on signing.
func CheckSecret(secret string) error {
	if _, err := ParseSecret(secret); err != nil {
		return err
	}
	if encoded, ok := strings.CutPrefix(secret, SecretPrefix); ok {
		key, _ := base64.StdEncoding.DecodeString(encoded) // it was parsed
		if len(key) < MinSecretBytes || len(key) > MaxSecretBytes {
			return ErrSecretLength
		}
	}
	return nil
}

// ParseSecret reads a webhook's secret as its owner wrote it. Behind [SecretPrefix] stands the key in padded standard
// base64 (RFC 4648, section 4); any other secret is the key itself, byte for byte, and may be of any length.
// The errors are [ErrEmptySecret] and [ErrSecretEncoding].
func ParseSecret(secret string) (Key, error) {
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, SecretPrefix); ok {
		// The decoder's own error quotes the byte it stumbled on, which would be a part of the secret.
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return Key{}, ErrSecretEncoding
		}
		key = decoded
	}
	if len(key) == 0 {
		return Key{}, ErrEmptySecret
	}
	state := new(keyState)
	state.standard.init(key)
	state.plain.init([]byte(secret))
	return Key{state: state}, nil
}

// String gives "[secret]".
func (Key) String() string { return redacted }

// GoString gives "[secret]".
func (Key) GoString() string { return redacted }

// Format writes "[secret]" for every verb; without it, %d would walk the fields past String and GoString.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "[secret]" to log/slog.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON gives the JSON string "[secret]" and no error.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText gives "[secret]" and no error, for every encoder that asks for text.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
