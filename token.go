package carteiro

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"time"
)

// TokenHash is the SHA-256 of an environment token; the token itself is never stored.
type TokenHash [sha256.Size]byte

// Token is the stored part of a token. It identifies the token and does not contain its secret.
type Token struct {
	ID            ID
	EnvironmentID ID
	Name          string // 1 to 255 characters, for people; may repeat. A session has that of the token it comes from
	Hash          TokenHash
	Scopes        Scopes // immutable
	CreatedAt     time.Time
	ExpiresAt     time.Time // zero: never
	LastUsedAt    time.Time // to about a minute; zero: not yet
	ParentID      ID        // the token that a session comes from; zero for one that is no session
	ReplacedBy    ID        // the token that replaced it, at which its name refers to that one; zero for none and for sessions
	// Session marks one that stands for a person's session: it is derived from a token, ends with it at the latest, and
	// is forgotten once it has ended.
	Session bool
}

// Expired says whether the token has ended by now.
func (t Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// Owns reports whether the name refers to this token: it is valid and not replaced, so it is not one that is about to end.
func (t Token) Owns(name string, now time.Time) bool {
	return t.Name == name && t.ReplacedBy.IsZero() && !t.Expired(now)
}

// DefaultTokenName is what an environment's first token is called.
const DefaultTokenName = "default"

// TokenPrefix begins every environment token, so that a leaked one can be recognised as such.
const TokenPrefix = "talq_"

// NewTokenSecret makes a token of 256 random bits: the only time it is seen whole.
func NewTokenSecret() string { return TokenPrefix + newSecret() }

// SessionPrefix begins the secret of a session, which is no environment token.
const SessionPrefix = "tals_"

// NewSessionSecret makes the secret of a session, of 256 random bits. It is hashed as tokens are.
func NewSessionSecret() string { return SessionPrefix + newSecret() }

func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// HashToken is how a token is looked up. A plain SHA-256 is enough: a token carries 256 random bits,
// so there is nothing to guess that salt or slowness would guard.
//
// Nor does the time that a look-up takes tell anything. A map and an index compare hashes byte by byte and stop at the
// first that differs; but who tries tokens does not choose the bytes of their hashes, so that learning how far one agreed
// brings the next no nearer. The token itself is compared with nothing.
func HashToken(secret string) TokenHash { return sha256.Sum256([]byte(secret)) }

// IsZero says whether it is the hash of nothing at all.
func (h TokenHash) IsZero() bool { return h == TokenHash{} }

// Equal says whether two hashes are the same, in a time that does not depend on where they differ.
func (h TokenHash) Equal(other TokenHash) bool {
	return subtle.ConstantTimeCompare(h[:], other[:]) == 1
}
