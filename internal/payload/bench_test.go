package payload_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/payload"
)

// callPayload is what the end of a phone call might say, with a transcript of about size bytes.
func callPayload(size int) []byte {
	var transcript strings.Builder
	for i := 0; transcript.Len() < size; i++ {
		fmt.Fprintf(&transcript, `{"role":"agent","at":%d,"text":"Good morning, \"Ana\" speaking. How may I help?"},`, i)
	}
	return []byte(`{"call":{"id":"5b6f","direction":"outbound","from":"+15550100","to":"+15550199","duration":93.5},` +
		`"outcome":"completed","tags":["sales","first"],"transcript":[` + strings.TrimSuffix(transcript.String(), ",") + `]}`)
}

var payloadSizes = []int{100, 2 << 10, 200 << 10}

func benchmarkPayloads(b *testing.B, run func(b *testing.B, raw []byte)) {
	for _, size := range payloadSizes {
		raw := callPayload(size)
		b.Run(fmt.Sprint(len(raw)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			run(b, raw)
		})
	}
}

func BenchmarkBody(b *testing.B) {
	envelope := agentEnvelope()
	benchmarkPayloads(b, func(b *testing.B, raw []byte) {
		for b.Loop() {
			envelope.Body(raw)
		}
	})
}

func BenchmarkBodyWithAClash(b *testing.B) {
	envelope := agentEnvelope()
	benchmarkPayloads(b, func(b *testing.B, raw []byte) {
		clashing := append([]byte(`{"event":"mine",`), raw[1:]...)
		for b.Loop() {
			envelope.Body(clashing)
		}
	})
}

func BenchmarkCheckObject(b *testing.B) {
	benchmarkPayloads(b, func(b *testing.B, raw []byte) {
		for b.Loop() {
			if err := payload.CheckObject(raw, payload.Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What CheckObject is measured against; it bounds no depth and takes invalid UTF-8.
func BenchmarkStandardLibraryValid(b *testing.B) {
	benchmarkPayloads(b, func(b *testing.B, raw []byte) {
		for b.Loop() {
			if !json.Valid(raw) {
				b.Fatal("not JSON")
			}
		}
	})
}

func BenchmarkRender(b *testing.B) {
	template := mustCompile(b, `{"type":"{{event}}","call":"{{call.id}}","to":"tel:{{call.to}}","seconds":"{{call.duration}}",
		"first":"{{transcript.0.text}}","summary":"{{outcome}} ({{tags.0}}) of {{agent_name}}","fixed":[1,2,3]}`)
	envelope := agentEnvelope()
	benchmarkPayloads(b, func(b *testing.B, raw []byte) {
		body, _ := envelope.Body(raw)
		for b.Loop() {
			if _, err := template.Render(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The most placeholders a template can hold, each with its own path, on the largest payload: what a tenant can cost us.
func BenchmarkRenderOfTheWorstTemplate(b *testing.B) {
	var items strings.Builder
	for i := range 4500 {
		fmt.Fprintf(&items, `"{{a.x%d}}",`, i)
	}
	template := mustCompile(b, `{"v":[`+strings.TrimSuffix(items.String(), ",")+`]}`)
	body := []byte(`{` + strings.Repeat(`"a":{"x1":1},`, 19_000) + `"a":{}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := template.Render(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	raw := json.RawMessage(`{"type":"{{event}}","call":"{{call.id}}","to":"tel:{{call.to}}","seconds":"{{call.duration}}"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := payload.Compile(raw); err != nil {
			b.Fatal(err)
		}
	}
}
