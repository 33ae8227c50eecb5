// Package signature signs what a receiver gets, as Standard Webhooks 1.0 says (https://www.standardwebhooks.com),
// and in the plain form that older receivers of webhooks check. It is pure: it reads no clock, no store, no network.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"
	"sync"
)

// Prefixes of the signatures, each followed by the signature itself.
const (
	schemePrefix     = "v1,"
	asymmetricPrefix = "v1a,"
	plainPrefix      = "sha256="
)

// Key signs with one webhook's secret. It is made by [ParseSecret] or [ParsePrivateKey], is cheap to copy, and is safe for concurrent use;
// copies share their state. It costs little to keep and something to make, so keep it as long as the secret stands.
//
// The zero Key has no secret: it reports so through [Key.IsZero], and its signing methods append nothing.
//
// A Key never prints, logs or encodes its secret, whatever the verb or encoder.
type Key struct {
	state *keyState
}

// keyState is behind a pointer so that a copied Key shares its pools.
//
// No field of it is the secret's bytes: fmt prints what it reaches through the unexported field of another struct
// without asking Key's methods, and a bad verb makes it follow pointers too. The bytes are held by the pools' closures
// instead.
type keyState struct {
	standard macPool
	plain    macPool
	// asymmetric signs with a private key; nil where there is a shared one.
	asymmetric func(message []byte) []byte
}

// IsZero reports whether the key holds no secret.
func (k Key) IsZero() bool { return k.state == nil }

// Sign appends the value of the webhook-signature header, "v1," and the padded standard base64 (RFC 4648, section 4)
// of the HMAC-SHA256 over id, timestamp and body joined by full stops. The timestamp is that of this attempt in unix
// seconds; id and timestamp must be those of the webhook-id and webhook-timestamp headers, and the body that which is
// sent, to the byte. The appended text is 47 bytes long. With a private key it is "v1a," and the Ed25519 signature of the
// same, 92 bytes in all. Source: Standard Webhooks 1.0, "Signature scheme".
func (k Key) Sign(dst []byte, id string, timestamp int64, body []byte) []byte {
	if k.state == nil {
		return dst
	}
	if k.state.asymmetric != nil {
		return k.signAsymmetric(dst, id, timestamp, body)
	}
	m := k.state.standard.get()
	m.buf = append(m.buf[:0], id...)
	m.buf = append(m.buf, '.')
	m.buf = strconv.AppendInt(m.buf, timestamp, 10)
	m.buf = append(m.buf, '.')
	m.hash.Write(m.buf)
	m.hash.Write(body)
	m.buf = m.hash.Sum(m.buf[:0])
	dst = append(dst, schemePrefix...)
	dst = base64.StdEncoding.AppendEncode(dst, m.buf)
	k.state.standard.put(m)
	return dst
}

// signAsymmetric is Sign with a private key. Ed25519 goes through what it signs twice, so that it needs it in one piece.
func (k Key) signAsymmetric(dst []byte, id string, timestamp int64, body []byte) []byte {
	message := make([]byte, 0, len(id)+len(body)+22)
	message = append(append(message, id...), '.')
	message = append(strconv.AppendInt(message, timestamp, 10), '.')
	message = append(message, body...)
	return base64.StdEncoding.AppendEncode(append(dst, asymmetricPrefix...), k.state.asymmetric(message))
}

// SignPlain appends the value of the X-Webhook-Signature header: "sha256=" and the lower-case hexadecimal of the
// HMAC-SHA256 over the body alone. The appended text is 71 bytes long.
//
// Its key is the secret as its owner wrote it, a leading "whsec_" included and nothing decoded. The contract says
// "secret" here where it says "key" of the other header, and the receivers this header is for paste the secret into
// their HMAC function as it stands. With a private key there is no secret to share, and nothing is appended.
func (k Key) SignPlain(dst []byte, body []byte) []byte {
	if k.state == nil || k.state.asymmetric != nil {
		return dst
	}
	m := k.state.plain.get()
	m.hash.Write(body)
	m.buf = m.hash.Sum(m.buf[:0])
	dst = append(dst, plainPrefix...)
	dst = hex.AppendEncode(dst, m.buf)
	k.state.plain.put(m)
	return dst
}

// mac is one keyed hash and the bytes it works in.
type mac struct {
	hash hash.Hash
	buf  []byte
}

// macPool keeps keyed hashes of one key. Resetting one restores the hashed key blocks, where making one hashes them
// anew and allocates; on a small body that is most of the work.
type macPool struct {
	pool sync.Pool
}

func (p *macPool) init(key []byte) {
	p.pool.New = func() any {
		return &mac{hash: hmac.New(sha256.New, key), buf: make([]byte, 0, 96)}
	}
}

func (p *macPool) get() *mac { return p.pool.Get().(*mac) }

// put takes back a mac ready for its next use, so that nothing of a body stays in it.
func (p *macPool) put(m *mac) {
	m.hash.Reset()
	p.pool.Put(m)
}
