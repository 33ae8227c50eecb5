// Package importer creates webhooks from those of other products, Svix and Convoy. It reads their endpoints from a file or
// their API, prints what each would become, and creates it through the Carteiro API.
package importer

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // what version 5 of UUIDs is made with
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Product is where webhooks come from.
type Product string

// The products.
const (
	Svix   Product = "svix"
	Convoy Product = "convoy"
)

// group is what an agent is made of: an application of Svix, an owner or a project of Convoy.
type group struct {
	id, name  string
	endpoints []*endpoint
}

// endpoint is a webhook as the other product has it, as far as there is a place for it here.
type endpoint struct {
	id, name, url string
	secret        string
	events        []string // event types there, in order
	all           bool     // it wants all there are
	untyped       bool     // it names no event types, which may mean all
	disabled      bool
	timeout       int // seconds; 0: not said
	headers       map[string]string
	headerStyle   string   // as the API has it; empty: its default
	left          []string // what has no place here, in words
	fault         string   // why it cannot be carried at all
}

// warn notes what has no place here.
func (e *endpoint) warn(format string, args ...any) {
	e.left = append(e.left, fmt.Sprintf(format, args...))
}

// skip notes why it cannot be carried; the first reason counts.
func (e *endpoint) skip(format string, args ...any) {
	e.fault = cmp.Or(e.fault, fmt.Sprintf(format, args...))
}

// maxFile is how large a file may be, in bytes.
const maxFile = 256 << 20

// read reads a product's endpoints from a file, or from its API where from is a URL.
func read(ctx context.Context, p Product, from, key string) (groups []*group, err error) {
	remote := strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://")
	switch {
	case remote && key == "":
		return nil, errors.New("reading over the API needs its key: set CARTEIRO_API_KEY, or give --api-key")
	case remote && p == Svix:
		groups, err = fetchSvix(ctx, newAPI(from, key))
	case remote:
		groups, err = fetchConvoy(ctx, newAPI(from, key))
	default:
		groups, err = readFile(p, from)
	}
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		for _, e := range g.endpoints {
			e.validate()
		}
	}
	return groups, nil
}

func readFile(p Product, name string) ([]*group, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	text, err := os.ReadFile(name) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, err
	}
	parse := parseSvix
	if p == Convoy {
		parse = parseConvoy
	}
	groups, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return groups, nil
}

// validate looks for what would be refused here.
func (e *endpoint) validate() {
	const maxURL, maxSecret = 500, 255
	u, err := url.Parse(e.url)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		e.skip("its URL %q is none", e.url)
	case len([]rune(e.url)) > maxURL:
		e.skip("its URL is longer than %d characters", maxURL)
	case e.secret == "":
		e.skip("its secret is not there, without which its receiver would refuse what comes")
	case len([]rune(e.secret)) > maxSecret:
		e.skip("its secret is longer than %d characters", maxSecret)
	}
}

// idOf gives the agent's id for a group: its own where that is a UUID, or else one that is always the same.
func idOf(p Product, own string) string {
	if isUUID(own) {
		return strings.ToLower(own)
	}
	h := sha1.Sum([]byte("carteiro:" + string(p) + ":" + own)) //nolint:gosec // as above
	h[6] = h[6]&0x0f | 0x50
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range strings.ToLower(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", c) {
			return false
		}
	}
	return true
}

// decode reads JSON, and says where it is none.
func decode(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	if fault, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON, at byte %d: %w", fault.Offset, err)
	}
	return err
}

// sortedKeys gives the names of headers in order, so that a plan reads the same each time.
func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
