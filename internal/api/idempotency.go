package api

import (
	"crypto/sha256"
	"hash"
	"io"

	"carteiro/internal/publish"
)

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
