package move

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/carteiro/carteiro/internal/store"
)

// digest is a checksum over the things of a section, in their order.
type digest struct {
	hash  hash.Hash
	buf   []byte
	count int
}

func newDigests() *[store.Sections]digest {
	all := new([store.Sections]digest)
	for i := range all {
		all[i].hash = sha256.New()
	}
	return all
}

func (d *digest) String() string { return hex.EncodeToString(d.hash.Sum(nil)) }

// add takes a page in: every field of every thing, those that are yet to be thought of included.
func (d *digest) add(page *store.Page) {
	things := *page
	things.From, things.Next = store.Cursor{}, store.Cursor{} // where pages end does not matter
	fields := reflect.ValueOf(&things).Elem()
	for i := range fields.NumField() {
		if list := fields.Field(i); list.Kind() == reflect.Slice {
			for j := range list.Len() {
				d.buf = appendValue(d.buf[:0], list.Index(j))
				d.hash.Write(d.buf)
				d.count++
			}
		}
	}
}

// appendValue appends a value so that no two that differ read the same; nil and empty differ.
func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(b, v.Uint())
	case reflect.String:
		return append(binary.AppendUvarint(b, uint64(len(v.String()))), v.String()...)
	case reflect.Interface: // what no database keeps, and therefore none gives
		if !v.IsNil() {
			panic("no checksum for " + v.Type().String())
		}
		return append(b, 0)
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return appendValue(append(b, 1), v.Elem())
	case reflect.Struct:
		return appendStruct(b, v)
	case reflect.Slice, reflect.Map:
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendVarint(b, int64(v.Len())+1)
		if v.Kind() == reflect.Map {
			return appendEntries(b, v)
		}
		return appendElements(b, v)
	case reflect.Array:
		return appendElements(b, v)
	default:
		panic("no checksum for " + v.Type().String())
	}
}

func appendElements(b []byte, v reflect.Value) []byte {
	if v.Type().Elem().Kind() == reflect.Uint8 && (v.Kind() == reflect.Slice || v.CanAddr()) {
		return append(b, v.Bytes()...)
	}
	for i := range v.Len() {
		b = appendValue(b, v.Index(i))
	}
	return b
}

func appendEntries(b []byte, v reflect.Value) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(one, other reflect.Value) int { return strings.Compare(one.String(), other.String()) })
	for _, key := range keys {
		b = appendValue(appendValue(b, key), v.MapIndex(key))
	}
	return b
}

func appendStruct(b []byte, v reflect.Value) []byte {
	if at, ok := v.Interface().(time.Time); ok {
		return binary.AppendVarint(binary.AppendVarint(b, at.Unix()), int64(at.Nanosecond()))
	}
	for i := range v.NumField() {
		b = appendValue(b, v.Field(i))
	}
	return b
}
