package api

import (
	"strconv"
	"strings"

	"github.com/carteiro/carteiro"
)

// entityTag is a webhook's version as an ETag.
func entityTag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// matchesVersion says whether the request may change a webhook of this version: without If-Match, or with one that names
// the version. A proxy that compresses an answer weakens its ETag, and the version means the same for all encodings: a
// weak tag matches like a strong one.
func (r *request) matchesVersion(version int64) bool {
	lines, ok := r.Header["If-Match"]
	if !ok {
		return true
	}
	want := entityTag(version)
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == want {
			return true
		}
	}
	return false
}

// namesEnvironment says whether the request names this environment, or none. A client that works with several environments
// names the one that it means, and a mistaken token then changes nothing.
func (r *request) namesEnvironment(environment carteiro.ID) bool {
	for _, named := range r.Header["X-Environment-Id"] {
		if id, err := carteiro.ParseID(strings.TrimSpace(named)); err != nil || id != environment {
			return false
		}
	}
	return true
}

// mustNotExist reports whether the request is to create something and to change nothing that exists: If-None-Match: *.
func (r *request) mustNotExist() bool {
	return strings.TrimSpace(strings.Join(r.Header["If-None-Match"], ",")) == "*"
}
