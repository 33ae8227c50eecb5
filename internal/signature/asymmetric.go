package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
)

// Prefixes of an asymmetric pair, each before base64 (Standard Webhooks 1.0, "Signature scheme").
const (
	PrivateKeyPrefix = "whsk_"
	PublicKeyPrefix  = "whpk_"
)

// ErrPrivateKey says that what should be a private key is none. The text holds no part of it.
var ErrPrivateKey = errors.New("signing key is not an Ed25519 private key in base64 behind " + PrivateKeyPrefix)

// ParsePrivateKey reads a webhook's private key: behind [PrivateKeyPrefix], in padded standard base64, its 32 bytes with
// the 32 of the public key behind them, or its 32 bytes alone. It fails with [ErrPrivateKey], also when the two halves do
// not belong together.
func ParsePrivateKey(secret string) (Key, error) {
	private, err := privateKey(secret)
	if err != nil {
		return Key{}, err
	}
	// The bytes are within the function, where nothing prints them.
	sign := func(message []byte) []byte { return ed25519.Sign(private, message) }
	return Key{state: &keyState{asymmetric: sign}}, nil
}

func privateKey(secret string) (ed25519.PrivateKey, error) {
	encoded, ok := strings.CutPrefix(secret, PrivateKeyPrefix)
	if !ok {
		return nil, ErrPrivateKey
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, ErrPrivateKey
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !private.Equal(ed25519.PrivateKey(raw)) {
		return nil, ErrPrivateKey
	}
	return private, nil
}

// PublicKey gives the public key that belongs to a private one, behind [PublicKeyPrefix]. It fails with [ErrPrivateKey].
func PublicKey(secret string) (string, error) {
	private, err := privateKey(secret)
	if err != nil {
		return "", err
	}
	return PublicKeyPrefix + base64.StdEncoding.EncodeToString(private[ed25519.SeedSize:]), nil
}

// NewPrivateKey makes a private key, as [ParsePrivateKey] reads it.
func NewPrivateKey() string {
	_, private, _ := ed25519.GenerateKey(nil) // it never fails
	return PrivateKeyPrefix + base64.StdEncoding.EncodeToString(private)
}
