package api

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/carteiro/carteiro"
)

// Bounds of custom headers, in characters.
const (
	maxHeaders     = 50
	maxHeaderKey   = 100
	maxHeaderValue = 4096
	// maxHeaderBytes bounds names and values together, in bytes: they are stored with each attempt.
	maxHeaderBytes = 32 << 10
)

var headerFields = []string{fieldKey, fieldValue, fieldSecret}

// readHeaders reads the custom headers. They replace the stored ones. kept are the paths of those that were sent masked
// and keep the stored value.
func readHeaders(in *input, w *carteiro.Webhook) (kept []string, err error) {
	raw, ok := in.sent(fieldCustomHeaders)
	if !ok {
		return storedSecrets(w), nil
	}
	if isNull(raw) {
		w.CustomHeaders = nil
		return nil, nil
	}
	if !isArray(raw) {
		in.fault(fieldCustomHeaders, mustBeArray)
		return nil, nil
	}
	stored := w.CustomHeaders
	headers, count := []carteiro.Header{}, 0
	for m := walk(raw); m.NextItem(); count++ {
		if count == maxHeaders {
			in.fault(fieldCustomHeaders, mustContainAtMost, maxHeaders)
			return nil, nil
		}
		path := headerPath(count)
		header, masked, err := readHeader(in, path, m.Value, &stored)
		if err != nil {
			return nil, err
		}
		if masked {
			kept = append(kept, path+"."+fieldValue)
		}
		headers = append(headers, header)
	}
	if headerBytes(headers) > max(maxHeaderBytes, headerBytes(w.CustomHeaders)) {
		in.fault(fieldCustomHeaders, mustNotBeLarger, maxHeaderBytes)
	}
	w.CustomHeaders = headers
	return kept, nil
}

// headerBytes returns how large headers are together, in bytes.
func headerBytes(headers []carteiro.Header) (size int) {
	for _, h := range headers {
		size += len(h.Key) + len(h.Value)
	}
	return size
}

func headerPath(i int) string { return fieldCustomHeaders + "." + strconv.Itoa(i) }

// storedSecrets are the paths of the secret headers that a webhook has.
func storedSecrets(w *carteiro.Webhook) (paths []string) {
	for i := range w.CustomHeaders {
		if w.CustomHeaders[i].IsSecret() {
			paths = append(paths, headerPath(i)+"."+fieldValue)
		}
	}
	return paths
}

// readHeader reads one header. A masked value stands for the first of the stored ones that has its name, which is taken
// out of stored; masked says so. A reserved name is a fault unless it is stored, from before it was reserved: an object
// that was read can be sent back.
func readHeader(in *input, path string, raw []byte, stored *[]carteiro.Header) (h carteiro.Header, masked bool, err error) {
	if !isObject(raw) {
		in.fault(path, mustBeObject)
		return h, false, nil
	}
	item, err := readInput(raw, headerFields, true, in.faults)
	if err != nil {
		return h, false, err
	}
	item.path = path + "."
	item.requiredText(&h.Key, fieldKey, maxHeaderKey)
	item.boolean(&h.Secret, fieldSecret)
	switch {
	case h.Key == "":
	case !httpguts.ValidHeaderFieldName(h.Key):
		item.fault(fieldKey, hasInvalidFormat)
	case carteiro.ReservedHeader(h.Key) && indexOf(h.Key, *stored) < 0:
		item.fault(fieldKey, isNotAmongTheSelection)
	}
	// An empty value is one: RFC 9110, section 5.5.
	if value, ok := item.required(fieldValue); ok {
		h.Value, _ = item.text(fieldValue, value, maxHeaderValue)
		if !httpguts.ValidHeaderFieldValue(h.Value) {
			item.fault(fieldValue, hasInvalidFormat)
		}
	}
	if h.Value == carteiro.Masked {
		masked = item.unmask(&h, stored)
	}
	return h, masked, nil
}

// unmask puts the stored value of a header that came back as it was shown in the place of the mask. A header that is to be
// secret no longer needs its value, so that nobody reads a secret by changing what it is. A mask under another name, such as
// that of a renamed header, is a fault.
func (in *input) unmask(h *carteiro.Header, stored *[]carteiro.Header) (found bool) {
	i := slices.IndexFunc(*stored, func(s carteiro.Header) bool { return strings.EqualFold(s.Key, h.Key) && s.IsSecret() })
	_, said := in.given(fieldSecret)
	switch {
	case i < 0 && !h.IsSecret() && indexOf(h.Key, *stored) >= 0:
		return false // a header that is shown as it is: nobody read a mask in its place
	case i < 0, said && !h.IsSecret():
		in.fault(fieldValue, isNotAmongTheSelection)
		return false
	}
	h.Value = (*stored)[i].Value
	if !said {
		h.Secret = (*stored)[i].Secret
	}
	*stored = slices.Concat((*stored)[:i], (*stored)[i+1:])
	return true
}

func indexOf(key string, headers []carteiro.Header) int {
	return slices.IndexFunc(headers, func(h carteiro.Header) bool { return strings.EqualFold(h.Key, key) })
}

// maskHeaders gives custom headers as they are shown.
func maskHeaders(headers []carteiro.Header) []carteiro.Header {
	shown := make([]carteiro.Header, len(headers))
	for i, h := range headers {
		if h.IsSecret() {
			h.Value = carteiro.Masked
		}
		shown[i] = h
	}
	return shown
}
