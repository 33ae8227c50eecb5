package payload_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carteiro/carteiro/internal/payload"
)

// A template must render as this slow model does, which decodes everything.

var placeholder = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

func modelRender(t *rapid.T, template any, body []byte) any {
	switch v := template.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = modelRender(t, member, body)
		}
	case []any:
		for i, item := range v {
			v[i] = modelRender(t, item, body)
		}
	case string:
		if match := placeholder.FindStringSubmatch(v); len(match) == 2 && match[0] == v {
			return decodeValue(t, modelFind(body, match[1]))
		}
		return placeholder.ReplaceAllStringFunc(v, func(found string) string {
			return modelText(t, modelFind(body, placeholder.FindStringSubmatch(found)[1]))
		})
	}
	return template
}

// modelFind gives the raw value at the path, null if there is none.
func modelFind(raw json.RawMessage, path string) json.RawMessage {
	for segment := range strings.SplitSeq(path, ".") {
		var object map[string]json.RawMessage
		var array []json.RawMessage
		index, err := strconv.Atoi(segment)
		switch {
		case json.Unmarshal(raw, &object) == nil && object[segment] != nil:
			raw = object[segment]
		case json.Unmarshal(raw, &array) == nil && err == nil && strconv.Itoa(index) == segment &&
			0 <= index && index < len(array):
			raw = array[index]
		default:
			return json.RawMessage("null")
		}
	}
	return raw
}

func modelText(t *rapid.T, raw json.RawMessage) string {
	switch v := decodeValue(t, raw).(type) {
	case nil:
		return ""
	case string:
		return v
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		t.Fatal(err)
	}
	return compact.String()
}

func decodeValue(t *rapid.T, raw []byte) any {
	return decodeObject(t, []byte(`{"v":`+string(raw)+`}`))["v"]
}

func drawTemplate(t *rapid.T) string {
	path := rapid.Custom(func(t *rapid.T) string {
		segment := rapid.SampledFrom([]string{"a", "b", "0", "1", "a", "b", "event", "*", "é", "😀", `"`, `\`, "01"})
		return strings.Join(rapid.SliceOfN(segment, 1, 3).Draw(t, "segments"), ".")
	})
	piece := rapid.OneOf(
		rapid.Map(path, func(path string) string { return "{{" + path + "}}" }),
		rapid.Map(path, func(path string) string { return "{{ " + path + "\t}}" }),
		rapid.SampledFrom([]string{"", " ", "é", `"`, `\`, "}}", "\n", "\u2028", "😀", "a.b"}),
	)
	text := rapid.Custom(func(t *rapid.T) string {
		return stringText(t, strings.Join(rapid.SliceOfN(piece, 1, 4).Draw(t, "pieces"), ""))
	})
	var out strings.Builder
	out.WriteString("{" + space(t))
	for i, value := range rapid.SliceOfN(text, 0, 5).Draw(t, "values") {
		if i > 0 {
			out.WriteString("," + space(t))
		}
		name := `"` + strconv.Itoa(i) + ` {{"`
		if i%2 == 0 {
			value = `[` + space(t) + value + `,{"in":` + value + space(t) + `}, 1.0]`
		}
		out.WriteString(name + space(t) + ":" + value)
	}
	out.WriteString("}")
	return out.String()
}

func TestRenderIsAsTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, body := drawTemplate(t), []byte(objectText(t, 3))
		template, err := payload.Compile(json.RawMessage(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		rendered, err := template.Render(body)
		if err != nil || !json.Valid(rendered) {
			t.Fatalf("template %s\nbody %s\ngot %s, %v", text, body, rendered, err)
		}
		want := modelRender(t, decodeObject(t, []byte(text)), body)
		if got := decodeObject(t, rendered); !reflect.DeepEqual(any(got), want) {
			t.Fatalf("template %s\nbody %s\ngot  %v\nwant %v", text, body, got, want)
		}
	})
}

func FuzzRenderIsJSONForEveryTemplate(f *testing.F) {
	f.Add([]byte(`{"a":"{{b}}","c":"x {{b.0}} {{ d }}"}`), []byte(`{"b":[{"x":1}],"d":"\ud83d"}`))
	f.Add([]byte(`{"a":"\u007b{*}}"}`), []byte(`{"*":" \\\" "}`))
	f.Add([]byte(`{"a":"{{a.a}}{{a.a.a}}"}`), []byte(`{"a":{"a":1},"a":{"a":`))
	f.Fuzz(func(t *testing.T, text, body []byte) {
		template, err := payload.Compile(text)
		if err != nil {
			return
		}
		rendered, err := template.Render(body) // of whatever it is, it must come back
		if err == nil && payload.CheckObject(body, payload.Limits{}) == nil && !json.Valid(rendered) {
			t.Fatalf("template %q, body %q: got %q", text, body, rendered)
		}
	})
}
