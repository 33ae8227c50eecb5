package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxBodyDiffs bounds how many differences of a body are told.
	maxBodyDiffs = 100
	// decodedFactor is how much memory a body may take once it is decoded, relative to its length: of "[1,1,1]" every two bytes become
	// an interface, a string and its text.
	decodedFactor = 32
)

// bodyDiff is a place in a body that differs.
type bodyDiff struct {
	Path   string `json:"path"` // a JSON Pointer
	Change change `json:"change"`
}

// diffJSON lists in what one JSON value differs from another, at most maxBodyDiffs places, in the order of their paths.
// Numbers are the same when they are written the same.
func diffJSON(then, now []byte) (list []bodyDiff, more bool) {
	if bytes.Equal(then, now) {
		return nil, false
	}
	d := differ{}
	before, was := decodeJSON(then)
	after, is := decodeJSON(now)
	switch {
	case !was && !is:
		d.add("", changed)
	case !was:
		d.add("", added)
	case !is:
		d.add("", removed)
	default:
		d.values("", before, after)
	}
	return d.list[:min(maxBodyDiffs, len(d.list))], len(d.list) > maxBodyDiffs
}

func decodeJSON(raw []byte) (v any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return v, decoder.Decode(&v) == nil
}

type differ struct{ list []bodyDiff }

func (d *differ) add(path string, c change) { d.list = append(d.list, bodyDiff{path, c}) }

func (d *differ) values(path string, then, now any) {
	if len(d.list) > maxBodyDiffs {
		return
	}
	switch before := then.(type) {
	case map[string]any:
		if after, ok := now.(map[string]any); ok {
			d.objects(path, before, after)
			return
		}
	case []any:
		if after, ok := now.([]any); ok {
			d.arrays(path, before, after)
			return
		}
	default:
		if isScalar(now) && then == now {
			return
		}
	}
	d.add(path, changed)
}

func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func (d *differ) objects(path string, then, now map[string]any) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(then)), maps.Keys(now))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before, was := then[name]
		after, is := now[name]
		at := path + "/" + pointerEscaper.Replace(name)
		switch {
		case !was:
			d.add(at, added)
		case !is:
			d.add(at, removed)
		default:
			d.values(at, before, after)
		}
	}
}

// pointerEscaper writes a name as a part of a JSON Pointer: RFC 6901, section 3.
var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func (d *differ) arrays(path string, then, now []any) {
	for i := range max(len(then), len(now)) {
		at := path + "/" + strconv.Itoa(i)
		switch {
		case i >= len(then):
			d.add(at, added)
		case i >= len(now):
			d.add(at, removed)
		default:
			d.values(at, then[i], now[i])
		}
		if len(d.list) > maxBodyDiffs {
			return
		}
	}
}
