package payload_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustBeJSON(t *testing.T, text []byte) {
	t.Helper()
	if !json.Valid(text) {
		t.Errorf("not JSON: %s", text)
	}
}

// decodeObject decodes without rounding numbers.
func decodeObject(t *rapid.T, text []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return object
}

// names are few, so that they meet: those of the envelope, those that paths lead to, and some that are hard to read.
var names = []string{
	"a", "b", "0", "1", "a", "b", "event", "timestamp", "agent_id", "campaign_name", "test", "", "*", "a.b", "é", "😀", `"`, `\`, "{{a}}",
}

// objectText draws the text of a JSON object with names that repeat, odd white space and odd escapes.
func objectText(t *rapid.T, depth int) string {
	var out strings.Builder
	out.WriteString(space(t) + "{" + space(t))
	for i := range rapid.IntRange(0, 4).Draw(t, "members") {
		if i > 0 {
			out.WriteString("," + space(t))
		}
		out.WriteString(stringText(t, rapid.SampledFrom(names).Draw(t, "name")) + space(t) + ":" + space(t))
		out.WriteString(valueText(t, depth-1) + space(t))
	}
	out.WriteString("}" + space(t))
	return out.String()
}

func valueText(t *rapid.T, depth int) string {
	kinds := 4
	if depth > 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word")
	case 1:
		return rapid.SampledFrom([]string{"0", "-0", "1.50", "1e400", "-2E-3", "12345678901234567890"}).Draw(t, "number")
	case 2:
		return stringText(t, rapid.SampledFrom(names).Draw(t, "text"))
	case 3:
		return stringText(t, rapid.String().Draw(t, "text"))
	case 4:
		items := make([]string, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range items {
			items[i] = space(t) + valueText(t, depth-1) + space(t)
		}
		return "[" + space(t) + strings.Join(items, ",") + "]"
	}
	return strings.TrimSpace(objectText(t, depth))
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\n\t", "\r "}).Draw(t, "space")
}

// stringText writes a string as it is, or with everything escaped that can be.
func stringText(t *rapid.T, s string) string {
	if rapid.Bool().Draw(t, "plainly") {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		if r >= 0x10000 {
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		fmt.Fprintf(&out, `\u%04x`, r)
	}
	out.WriteByte('"')
	return out.String()
}
