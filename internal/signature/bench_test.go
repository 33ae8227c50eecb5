package signature_test

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/carteiro/carteiro/internal/signature"
)

var bodySizes = []int{512, 4 << 10, 256 << 10}

func benchmarkBodies(b *testing.B, sign func(key signature.Key, dst, body []byte) []byte) {
	key := mustParse(b, vectorSecret)
	for _, size := range bodySizes {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			body, dst := bytes.Repeat([]byte("x"), size), make([]byte, 0, 128)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				dst = sign(key, dst[:0], body)
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	benchmarkBodies(b, func(key signature.Key, dst, body []byte) []byte {
		return key.Sign(dst, vectorID, vectorTime, body)
	})
}

func BenchmarkSignPlain(b *testing.B) {
	benchmarkBodies(b, func(key signature.Key, dst, body []byte) []byte {
		return key.SignPlain(dst, body)
	})
}

// A key that is parsed for one attempt and thrown away: what keeping it saves.
func BenchmarkParseSecretAndSignOnce(b *testing.B) {
	body, dst := bytes.Repeat([]byte("x"), 512), make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		dst = mustParse(b, vectorSecret).Sign(dst[:0], vectorID, vectorTime, body)
	}
}

// What a private key costs beside a shared one.
func BenchmarkSignAsymmetric(b *testing.B) {
	key, err := signature.ParsePrivateKey(vectorPrivate)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range bodySizes {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			body, dst := bytes.Repeat([]byte("x"), size), make([]byte, 0, 128)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				dst = key.Sign(dst[:0], vectorID, vectorTime, body)
			}
		})
	}
}
