package api

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carteiro/carteiro"
)

// input is an object that a caller sent, read field by field. What is wrong with a field goes to faults, and then the
// field is left as it was.
type input struct {
	path   string // of the object in the body: empty, or ending in a full stop
	fields map[string][]byte
	// create says that fields are required; otherwise only what is sent is read.
	create bool
	faults *faults
	// unknown are the names of members that are no field.
	unknown []string
}

// readInput reads the known members of an object, which is valid JSON. A known one that stands there twice says two
// things, and which of them is meant nobody knows: it fails with errInvalidJSON. Unknown ones are ignored, so that an object
// can be sent back with what nobody sets.
func readInput(raw []byte, known []string, create bool, f *faults) (input, error) {
	in := input{fields: make(map[string][]byte, len(known)), create: create, faults: f}
	for m := walk(raw); m.NextMember(); {
		name := m.name()
		if !slices.Contains(known, name) {
			in.unknown = append(in.unknown, name)
			continue
		}
		if _, twice := in.fields[name]; twice {
			return in, errInvalidJSON
		}
		in.fields[name] = m.Value
	}
	return in, nil
}

// input reads and checks the request's body as an object of these fields. A missing body is an empty object, unless fields
// are required.
func (r *request) input(known []string, create bool, f *faults) (input, error) {
	body, err := r.readBody(nil, maxBody)
	if err != nil {
		return input{}, err
	}
	if len(body) == 0 && !create {
		return input{faults: f}, nil
	}
	if err := checkObject(body); err != nil {
		return input{}, err
	}
	return readInput(body, known, create, f)
}

// strictInput is input for a call that does something to many things, or something that cannot be undone, where a field is
// left out: a misspelled one is a fault. It takes no query either.
func (r *request) strictInput(known []string, create bool, f *faults) (input, error) {
	in, err := r.input(known, create, f)
	if err != nil {
		return in, err
	}
	in.unknown = slices.AppendSeq(in.unknown, maps.Keys(r.query().values))
	slices.Sort(in.unknown)
	in.rejectUnknown()
	return in, nil
}

// rejectUnknown reports the members that are no field.
func (in *input) rejectUnknown() {
	for _, name := range slices.Compact(in.unknown) {
		in.fault(name, isUnknown)
	}
}

func (in *input) fault(name, wording string, args ...any) {
	in.faults.add(in.path+name, wording, args...)
}

// sent gives a field's raw value if it was sent, null included.
func (in *input) sent(name string) ([]byte, bool) {
	raw, ok := in.fields[name]
	return raw, ok
}

// required gives a field's raw value unless it is missing or null, which is a fault where it must be there.
func (in *input) required(name string) ([]byte, bool) {
	raw, sent := in.fields[name]
	if sent && !isNull(raw) {
		return raw, true
	}
	if sent || in.create {
		in.fault(name, isRequired)
	}
	return nil, false
}

// requiredText reads a string that must not be blank.
func (in *input) requiredText(into *string, name string, most int) {
	raw, ok := in.required(name)
	if !ok {
		return
	}
	s, ok := in.text(name, raw, most)
	switch {
	case !ok:
	case strings.TrimSpace(s) == "":
		in.fault(name, isRequired)
	default:
		*into = s
	}
}

// optionalText reads a string that null clears.
func (in *input) optionalText(into *string, name string, most int) {
	raw, ok := in.sent(name)
	switch {
	case !ok:
	case isNull(raw):
		*into = ""
	default:
		if s, ok := in.text(name, raw, most); ok {
			*into = s
		}
	}
}

// text reads a string of at most so many characters. NUL is in no text that a person writes, and no database takes it.
func (in *input) text(name string, raw []byte, most int) (string, bool) {
	if !isString(raw) {
		in.fault(name, mustBeString)
		return "", false
	}
	s := text(raw)
	switch {
	case utf8.RuneCountInString(s) > most:
		in.fault(name, mustNotBeLonger, most)
	case strings.IndexByte(s, 0) >= 0:
		in.fault(name, hasInvalidFormat)
	default:
		return s, true
	}
	return "", false
}

// writeOnlyText is optionalText for a field that is never shown: forms send it empty, which counts as absent.
func (in *input) writeOnlyText(into *string, name string, most int) {
	if raw, ok := in.sent(name); ok && string(raw) != `""` {
		in.optionalText(into, name, most)
	}
}

// given gives a field's raw value unless it is absent or null.
func (in *input) given(name string) ([]byte, bool) {
	raw, ok := in.sent(name)
	return raw, ok && !isNull(raw)
}

// integer reads a whole number; null counts as absent.
func (in *input) integer(into *int, name string, least, most int) {
	raw, ok := in.given(name)
	if !ok {
		return
	}
	n, ok := wholeNumber(raw)
	switch {
	case !ok:
		in.fault(name, mustBeInteger)
	case n < float64(least) || n > float64(most):
		in.fault(name, mustBeBetween, least, most)
	default:
		*into = int(n)
	}
}

// wholeNumber reads a JSON number without a fraction, however it is written: 30, 30.0 and 3e1 are the same number.
func wholeNumber(raw []byte) (float64, bool) {
	if !isNumber(raw) {
		return 0, false
	}
	n, _ := strconv.ParseFloat(string(raw), 64) // what is out of range gives an infinity, which is out of every range
	return n, n == math.Trunc(n)
}

// boolean reads true or false; null counts as absent.
func (in *input) boolean(into *bool, name string) {
	raw, ok := in.given(name)
	if !ok {
		return
	}
	switch string(raw) {
	case "true", "false":
		*into = raw[0] == 't'
	default:
		in.fault(name, mustBeBoolean)
	}
}

// choice reads one of a few words; null counts as absent.
func choice[T ~string](in *input, into *T, name string, choices ...T) {
	raw, ok := in.given(name)
	switch {
	case !ok:
	case !isString(raw):
		in.fault(name, mustBeString)
	case !slices.Contains(choices, T(text(raw))):
		in.fault(name, isNotAmongTheSelection)
	default:
		*into = T(text(raw))
	}
}

// time reads an optional time in any offset; null sets it back to none.
func (in *input) time(into *time.Time, name string) {
	raw, ok := in.sent(name)
	switch {
	case !ok:
	case isNull(raw):
		*into = time.Time{}
	case !isString(raw):
		in.fault(name, mustBeString)
	default:
		t, ok := parseTime(text(raw))
		if !ok {
			in.fault(name, mustBeTime)
		}
		*into = t
	}
}

// id reads an optional UUID; null and absence give the zero ID.
func (in *input) id(into *carteiro.ID, name string) {
	if raw, ok := in.sent(name); ok && !isNull(raw) {
		readID(into, name, raw, in.faults)
	}
}

func readID(into *carteiro.ID, name string, raw []byte, f *faults) {
	if !isString(raw) {
		f.add(name, mustBeString)
		return
	}
	id, err := carteiro.ParseID(text(raw))
	if err != nil || id.IsZero() {
		f.add(name, mustBeUUID)
		return
	}
	*into = id
}
