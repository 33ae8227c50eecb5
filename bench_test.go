package carteiro_test

import (
	"testing"

	"github.com/carteiro/carteiro"
)

func BenchmarkNewID(b *testing.B) {
	var source carteiro.IDSource
	b.ReportAllocs()
	for b.Loop() {
		source.Sibling(source.New(noon)) // an event's, and its first attempt's
	}
}

func BenchmarkParseID(b *testing.B) {
	text := new(carteiro.IDSource).New(noon).String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := carteiro.ParseID(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIDString(b *testing.B) {
	id := new(carteiro.IDSource).New(noon)
	b.ReportAllocs()
	for b.Loop() {
		_ = id.String()
	}
}
