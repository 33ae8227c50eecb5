package api

import (
	"encoding/json"
	"strconv"
)

// sameJSON says whether two texts are the same JSON value, however they are written: with other white space, escapes, or
// order of members, as a client's library writes them when it sends back what it has read.
func sameJSON(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	left, ok := decodeJSON(a)
	right, also := decodeJSON(b)
	return ok && also && sameValue(left, right)
}

func sameValue(a, b any) bool {
	switch left := a.(type) {
	case map[string]any:
		right, ok := b.(map[string]any)
		if !ok || len(left) != len(right) {
			return false
		}
		for name, value := range left {
			if other, there := right[name]; !there || !sameValue(value, other) {
				return false
			}
		}
		return true
	case []any:
		right, ok := b.([]any)
		if !ok || len(left) != len(right) {
			return false
		}
		for i := range left {
			if !sameValue(left[i], right[i]) {
				return false
			}
		}
		return true
	case json.Number:
		right, ok := b.(json.Number)
		return ok && sameNumber(left.String(), right.String())
	default:
		return isScalar(b) && a == b
	}
}

// exactDigits is how many characters a number may have for a float64 to hold it exactly enough to compare.
const exactDigits = 15

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if len(a) > exactDigits || len(b) > exactDigits {
		return false
	}
	left, err := strconv.ParseFloat(a, 64)
	right, errRight := strconv.ParseFloat(b, 64)
	return err == nil && errRight == nil && left == right
}
