package api

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"carteiro"
)

// Bounds of custom headers, in characters.
const (
	maxHeaders     = 50
	maxHeaderKey   = 100
	maxHeaderValue = 4096
)

var headerFields = []string{fieldKey, fieldValue}

// readHeaders reads the custom headers. They replace those there were.
func readHeaders(in *input, w *carteiro.Webhook) error {
	raw, ok := in.sent(fieldCustomHeaders)
	if !ok {
		return nil
	}
	if isNull(raw) {
		w.CustomHeaders = nil
		return nil
	}
	if !isArray(raw) {
		in.fault(fieldCustomHeaders, mustBeArray)
		return nil
	}
	stored := w.CustomHeaders
	headers, count := []carteiro.Header{}, 0
	for m := walk(raw); m.NextItem(); count++ {
		if count == maxHeaders {
			in.fault(fieldCustomHeaders, mustContainAtMost, maxHeaders)
			return nil
		}
		header, err := readHeader(in, fieldCustomHeaders+"."+strconv.Itoa(count), m.Value, w.CustomHeaders)
		if err != nil {
			return err
		}
		if header.Value == carteiro.Masked && carteiro.Secretive(header.Key) {
			var found bool
			if header.Value, stored, found = unmask(header.Key, stored); !found {
				in.fault(fieldCustomHeaders+"."+strconv.Itoa(count)+"."+fieldValue, isNotAmongTheSelection)
			}
		}
		headers = append(headers, header)
	}
	w.CustomHeaders = headers
	return nil
}

// readHeader reads one header. A reserved name is a fault unless it is stored, from before it was reserved: an object that was
// read can be sent back.
func readHeader(in *input, path string, raw []byte, stored []carteiro.Header) (h carteiro.Header, err error) {
	if !isObject(raw) {
		in.fault(path, mustBeObject)
		return h, nil
	}
	item, err := readInput(raw, headerFields, true, in.faults)
	if err != nil {
		return h, err
	}
	item.path = path + "."
	item.requiredText(&h.Key, fieldKey, maxHeaderKey)
	switch {
	case h.Key == "":
	case !httpguts.ValidHeaderFieldName(h.Key):
		item.fault(fieldKey, hasInvalidFormat)
	case carteiro.ReservedHeader(h.Key) && !slices.ContainsFunc(stored, func(s carteiro.Header) bool { return s.Key == h.Key }):
		item.fault(fieldKey, isNotAmongTheSelection)
	}
	// An empty value is one: RFC 9110, section 5.5.
	if value, ok := item.required(fieldValue); ok {
		h.Value, _ = item.text(fieldValue, value, maxHeaderValue)
		if !httpguts.ValidHeaderFieldValue(h.Value) {
			item.fault(fieldValue, hasInvalidFormat)
		}
	}
	return h, nil
}

// unmask finds the stored value of a header that came back as it was shown, and gives the stored headers without it, so
// that of two headers of one name each finds its own.
func unmask(key string, stored []carteiro.Header) (value string, rest []carteiro.Header, found bool) {
	i := slices.IndexFunc(stored, func(h carteiro.Header) bool { return strings.EqualFold(h.Key, key) })
	if i < 0 {
		return "", stored, false
	}
	return stored[i].Value, slices.Concat(stored[:i], stored[i+1:]), true
}

// maskHeaders gives custom headers as they are shown.
func maskHeaders(headers []carteiro.Header) []carteiro.Header {
	shown := make([]carteiro.Header, len(headers))
	for i, h := range headers {
		if carteiro.Secretive(h.Key) {
			h.Value = carteiro.Masked
		}
		shown[i] = h
	}
	return shown
}
