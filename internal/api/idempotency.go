package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/carteiro/carteiro/internal/publish"
	"github.com/carteiro/carteiro/internal/store"
)

// keyLifetime is how long a key gives the answer of the call that created something.
const keyLifetime = 24 * time.Hour

// maxKey bounds an idempotency key, in characters.
const maxKey = 255

// idempotencyKey reads the key that the request bears, if any. body is what, beside method and path, makes another
// request of it. Where the body is read later the caller sets the fingerprint.
func (r *request) idempotencyKey(body []byte, f *faults) *publish.Key {
	values, ok := r.Header["Idempotency-Key"]
	if !ok {
		return nil
	}
	if len(values) != 1 || !isKey(values[0]) {
		f.add(fieldIdempotencyKey, mustBeIdempotencyKey, maxKey)
		return nil
	}
	return &publish.Key{Key: values[0], Fingerprint: fingerprint(r.Method, r.URL.Path, body)}
}

// bufferedKey reads the key of a call with an ordinary body, which it leaves to be read. It is nil if the request has none.
func (r *request) bufferedKey(f *faults) (*store.Key, error) {
	if _, ok := r.Header["Idempotency-Key"]; !ok {
		return nil, nil //nolint:nilnil // a key is optional
	}
	body, err := r.readBody(nil, maxBody)
	if err != nil {
		return nil, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	key := r.idempotencyKey(body, f)
	if key == nil {
		return nil, nil //nolint:nilnil // f says why
	}
	return &store.Key{EnvironmentID: r.environment, Key: key.Key, Fingerprint: key.Fingerprint, ExpiresAt: r.begun.Add(keyLifetime)}, nil
}

// before gives the answer that a key stands for, nil if it is free. It fails with errKeyReused for a key of another request.
func (r *request) before(key *store.Key) (*store.Replay, error) {
	if key == nil {
		return nil, nil //nolint:nilnil // a call without a key is never a repeated one
	}
	peek := *key
	peek.Peek = true
	result, err := r.s.Store.Accept(r.Context(), store.Accept{Now: r.begun, Key: &peek})
	if err == nil && result.Replay != nil && result.Replay.Fingerprint != key.Fingerprint {
		err = errKeyReused
	}
	return result.Replay, err
}

// creation is a call that creates something. With an idempotency key it creates one thing however often it is repeated, and
// each repetition gets the first answer.
type creation struct {
	*request
	key *store.Key // nil if the caller gave none
	tag string     // ETag of what is created, if it has one
}

// creation begins a call that creates something. If its key was used before, the call is answered.
func (r *request) creation(f *faults, tag string) (c creation, answered bool, err error) {
	c = creation{request: r, tag: tag}
	if c.key, err = r.bufferedKey(f); err != nil {
		return c, false, err
	}
	before, err := r.before(c.key)
	if err != nil || before == nil {
		return c, false, err
	}
	c.repeat(before)
	return c, true, nil
}

// keep sets what a repetition is answered. It is stored as it is and must contain no secret that was made for the caller.
func (c *creation) keep(a answer) error {
	if c.key == nil {
		return nil
	}
	a.Success = true
	text, err := encodeJSON(a)
	c.key.Answer = text
	return err
}

// repeat answers what the key stands for.
func (c *creation) repeat(before *store.Replay) {
	if c.tag != "" {
		c.w.Header()["ETag"] = []string{c.tag}
	}
	c.write(http.StatusCreated, before.Answer)
}

// settle answers the call if err says that a call at the same moment has used its key, and passes other errors on.
func (c *creation) settle(err error) (answered bool, _ error) {
	var used *store.KeyUsedError
	if !errors.As(err, &used) {
		return false, err
	}
	if used.Fingerprint != c.key.Fingerprint {
		return false, errKeyReused
	}
	c.repeat(&used.Replay)
	return true, nil
}

func isKey(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxKey
}

// fingerprint tells requests apart. Neither a method nor a path holds a line break.
func fingerprint(method, path string, body []byte) (sum [32]byte) {
	h := beginFingerprint(method, path)
	_, _ = h.Write(body) // a hash takes everything
	h.Sum(sum[:0])
	return sum
}

// beginFingerprint returns the hash of a fingerprint before the body.
func beginFingerprint(method, path string) hash.Hash {
	h := sha256.New()
	_, _ = io.WriteString(h, method+"\n"+path+"\n")
	return h
}
