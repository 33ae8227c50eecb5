package payload_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/payload"
)

// wide, deep and plain templates of the largest size, which take the most memory when they are compiled.
func worstTemplates() map[string]json.RawMessage {
	var wide, indices, escaped strings.Builder
	for i := 0; escaped.Len() < payload.MaxTemplateBytes-100; i++ {
		fmt.Fprintf(&escaped, `\u007b\u007b%x}}`, i)
	}
	for i := 0; wide.Len() < payload.MaxTemplateBytes-100; i++ {
		fmt.Fprintf(&wide, "{{%x}}", i)
	}
	for i := 0; indices.Len() < payload.MaxTemplateBytes-200; i++ {
		fmt.Fprintf(&indices, "{{%d%s}}", i, strings.Repeat(".0", payload.MaxPathSegments-1))
	}
	var deep strings.Builder
	for i := 0; deep.Len() < payload.MaxTemplateBytes-200; i++ {
		fmt.Fprintf(&deep, "{{%x%s}}", i, strings.Repeat(".a", payload.MaxPathSegments-1))
	}
	templates := make(map[string]json.RawMessage)
	for name, text := range map[string]string{
		"wide": wide.String(), "deep": deep.String(), "indices": indices.String(), "escaped": escaped.String(),
		"plain": strings.Repeat("x", payload.MaxTemplateBytes-100),
	} {
		templates[name] = json.RawMessage(`{"d":"` + text + `"}`)
	}
	return templates
}

// Caches and budgets count compiled templates by these figures.
func TestTheMemoryOfATemplateIsNotUnderestimated(t *testing.T) {
	for name, raw := range worstTemplates() {
		const n = 4
		var before, after runtime.MemStats
		var compiled [n]*payload.Template
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range compiled {
			var err error
			if compiled[i], err = payload.Compile(raw); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		taken := int(after.HeapAlloc-before.HeapAlloc) / n
		counted, bound := compiled[0].Memory(), payload.MaxMemory(raw)
		runtime.KeepAlive(compiled)
		allocated := int(after.TotalAlloc-before.TotalAlloc) / n
		t.Logf("%s: %d KiB allocated, %d KiB taken, %d KiB counted, at most %d KiB", name, allocated>>10, taken>>10, counted>>10, bound>>10)
		if counted < taken*9/10 || bound < counted {
			t.Errorf("%s: %d bytes taken, %d counted, at most %d", name, taken, counted, bound)
		}
		const multiple = 8
		if size := len(raw); taken > multiple*size || bound > 2*multiple*size || allocated > payload.CompileMemory(raw) {
			t.Errorf("%s: a template of %d bytes takes %d, at most %d, and %d while it is compiled", name, size, taken, bound, allocated)
		}
	}
}
