// Package seal encrypts what must not lie open in a database: the webhooks' secrets. It is AES-256-GCM under keys that
// the operator keeps elsewhere; the first of them encrypts, and all decrypt, so that keys can be changed while servers
// run. It is pure: it reads no clock, no file and no network. docs/decisions/0043-encryption-at-rest.md says why so.
package seal

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// KeyBytes is how long a key is, in bytes: that of AES-256.
const KeyBytes = 32

// The errors of this package. No text holds any part of a key or of what is sealed.
var (
	// ErrKey: a key is not 32 bytes in padded standard base64.
	ErrKey = fmt.Errorf("an encryption key is %d bytes in base64, as 'carteiro secrets key' prints one", KeyBytes)
	// ErrWeakKey: all bytes of a key are the same, as in a placeholder of zeros.
	ErrWeakKey = errors.New("an encryption key must be random, as 'carteiro secrets key' prints one")
	// ErrKeyTwice: a key stands in the list twice.
	ErrKeyTwice = errors.New("an encryption key is named twice")
	// ErrNone: the word that has nothing sealed stands behind a key.
	ErrNone = fmt.Errorf("the word %q among encryption keys must stand before them all", none)
	// ErrNoKey: what is sealed was sealed with a key that is not in the ring.
	ErrNoKey = errors.New("it is encrypted with a key that this process was not given")
	// ErrDamaged: what is sealed was changed, or belongs elsewhere.
	ErrDamaged = errors.New("it cannot be decrypted: it was changed, or belongs elsewhere")
)

// none is the word that stands in the place of the key that seals, where nothing is to be sealed any more.
const none = "none"

// Keyring holds the keys. A nil one has none: it opens nothing, and nothing is to be sealed with it. It is safe for
// concurrent use, and neither prints nor logs a key.
type Keyring struct {
	// The keys' bytes are within the ciphers, where no verb of fmt finds them in one piece, and in no field.
	keys []key
	// leavesOpen has them all only open what is sealed.
	leavesOpen bool
}

type key struct {
	id   string
	aead cipher.AEAD
}

// Parse reads keys, each 32 bytes in padded standard base64, separated by commas, spaces or line ends; what stands
// behind a # is a comment up to the end of its line. The word none before them has them open only. Without any key it gives nil.
// It fails with [ErrKey], [ErrWeakKey], [ErrKeyTwice] and [ErrNone].
func Parse(text string) (*Keyring, error) {
	ring := new(Keyring)
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' }) {
			if err := ring.add(word); err != nil {
				return nil, err
			}
		}
	}
	if lines.Err() != nil { // a line too long to be keys
		return nil, ErrKey
	}
	if len(ring.keys) == 0 {
		return nil, nil //nolint:nilnil // a nil ring is one without keys
	}
	return ring, nil
}

func (r *Keyring) add(word string) error {
	if word == none {
		if len(r.keys) > 0 {
			return ErrNone
		}
		r.leavesOpen = true
		return nil
	}
	// The decoder's own error quotes the byte it stumbled on, which would be a part of the key.
	secret, err := base64.StdEncoding.DecodeString(word)
	if err != nil || len(secret) != KeyBytes {
		return ErrKey
	}
	if len(bytes.Trim(secret, string(secret[:1]))) == 0 {
		return ErrWeakKey
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return ErrKey
	}
	// The nonce is random, and the standard library's business: 12 bytes before the ciphertext. A key may seal four
	// thousand million values before two share one with a probability of 2⁻³².
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return ErrKey
	}
	k := key{id: idOf(secret), aead: aead}
	if r.Has(k.id) {
		return ErrKeyTwice
	}
	r.keys = append(r.keys, k)
	return nil
}

// idOf names a key for all to see: of a hash of 32 random bytes nobody finds the bytes.
func idOf(secret []byte) string {
	sum := sha256.Sum256(append([]byte("carteiro key id\x00"), secret...))
	return hex.EncodeToString(sum[:8])
}

// NewKey makes a key, as [Parse] reads it.
func NewKey() string {
	secret := make([]byte, KeyBytes)
	_, _ = rand.Read(secret) // it never fails
	return base64.StdEncoding.EncodeToString(secret)
}

// First names the key that seals, in 16 hexadecimal digits; "" when none does.
func (r *Keyring) First() string {
	if r == nil || r.leavesOpen {
		return ""
	}
	return r.keys[0].id
}

// Opening gives a ring of the same keys that seals nothing.
func (r *Keyring) Opening() *Keyring {
	if r == nil {
		return nil
	}
	return &Keyring{keys: r.keys, leavesOpen: true}
}

// Has says whether what was sealed with a key of this name can be opened.
func (r *Keyring) Has(id string) bool { return r.find(id) != nil }

func (r *Keyring) find(id string) *key {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.keys, func(k key) bool { return k.id == id })
	if i < 0 {
		return nil
	}
	return &r.keys[i]
}

// Seal encrypts a text with the first key, which there must be. place says what it is of: it opens in the same place alone.
func (r *Keyring) Seal(plain, place string) string {
	raw := r.keys[0].aead.Seal(nil, nil, []byte(plain), []byte(place)) //nolint:gosec // the cipher makes the nonce itself
	return base64.StdEncoding.EncodeToString(raw)
}

// Open is the reverse of [Keyring.Seal], with the key of that name. It fails with [ErrNoKey] and [ErrDamaged].
func (r *Keyring) Open(id, sealed, place string) (string, error) {
	k := r.find(id)
	if k == nil {
		return "", fmt.Errorf("%w (%s)", ErrNoKey, id)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(sealed) // strict: one text for one value
	if err != nil {
		return "", ErrDamaged
	}
	plain, err := k.aead.Open(nil, nil, raw, []byte(place))
	if err != nil {
		return "", ErrDamaged
	}
	return string(plain), nil
}

const redacted = "[keys]"

// String gives "[keys]".
func (*Keyring) String() string { return redacted }

// Format writes "[keys]" for every verb.
func (*Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "[keys]" to log/slog.
func (*Keyring) LogValue() slog.Value { return slog.StringValue(redacted) }
