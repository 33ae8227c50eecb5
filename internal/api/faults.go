package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxFieldErrors is how many faults of one request are told: nobody reads more, and a body of nothing but faults must not
// make an answer many times its size.
const maxFieldErrors = 100

// maxShownField is how much of a field's path is told, in bytes: a part of it may be the caller's own invention.
const maxShownField = 200

// faults are what is wrong with a request's fields: all of it, in the order in which it was found.
type faults struct {
	list []fault
}

type fault struct{ field, message string }

// add takes a fault down. wording is one of the formats of wording.go, args what it holds beside the field's name.
func (f *faults) add(field, wording string, args ...any) {
	if len(f.list) >= maxFieldErrors {
		return
	}
	if len(field) > maxShownField {
		field = strings.ToValidUTF8(field[:maxShownField], "") + "…"
	}
	message := fmt.Sprintf(wording, append([]any{inWords(field)}, args...)...)
	f.list = append(f.list, fault{field, message})
}

// any says whether one of these fields, or something in it, is at fault.
func (f *faults) any(fields ...string) bool {
	return slices.ContainsFunc(f.list, func(found fault) bool {
		return slices.ContainsFunc(fields, func(field string) bool {
			rest, ok := strings.CutPrefix(found.field, field)
			return ok && (rest == "" || rest[0] == '.')
		})
	})
}

// err is nil when nothing is at fault.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return &faults{f.list} // a copy, so that those without faults need not outlive their function
}

// Error implements error.
func (f *faults) Error() string { return msgInvalidData }

func (f *faults) failure() *failure {
	b := appendString([]byte(`{"message":`), msgInvalidData)
	b = append(b, `,"errors":`...)
	b = append(f.appendErrors(b), '}')
	return &failure{status: http.StatusUnprocessableEntity, message: msgInvalidData, body: b}
}

// appendErrors appends the object of field → messages.
func (f *faults) appendErrors(b []byte) []byte {
	told := make(map[string]bool, len(f.list))
	b = append(b, '{')
	for i, first := range f.list {
		if told[first.field] {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		told[first.field] = true
		b = append(appendString(b, first.field), ':', '[')
		b = appendString(b, first.message)
		for _, more := range f.list[i+1:] {
			if more.field == first.field {
				b = appendString(append(b, ','), more.message)
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}
