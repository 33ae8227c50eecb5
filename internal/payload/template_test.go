package payload_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/carteiro/carteiro/internal/payload"
)

func mustCompile(tb testing.TB, template string) *payload.Template {
	tb.Helper()
	compiled, err := payload.Compile(json.RawMessage(template))
	if err != nil {
		tb.Fatalf("Compile %s: %v", template, err)
	}
	return compiled
}

// sampleBody is a default body with a little of everything.
const sampleBody = `{"event":"event_action","agent_id":"a-1", "n":1.50, "big":12345678901234567890, "yes":true, "none":null,
	"text":"say \"hi\"\n\u00e9<é>", "empty":"", "call":{"id":"c-9","from":{"number":"+1"}}, "list":[ 1, "two", {"three":[3, 4]} ],
	"items":[{"name":"first"},{"name":"second"}], "0":"zero", "with space":1, "\u006bey":"escaped", "obj":{ "a b" : "x\\\"y" , "c":[ ] }}`

func TestRenderOfAStringThatIsOnePlaceholder(t *testing.T) {
	tests := map[string]string{
		"event":              `"event_action"`,
		" event ":            `"event_action"`,
		"\\t event\\n":       `"event_action"`,
		"n":                  `1.50`,
		"big":                `12345678901234567890`,
		"yes":                `true`,
		"none":               `null`,
		"text":               `"say \"hi\"\n\u00e9<é>"`,
		"empty":              `""`,
		"call":               `{"id":"c-9","from":{"number":"+1"}}`,
		"call.id":            `"c-9"`,
		"call.from.number":   `"+1"`,
		"list":               `[ 1, "two", {"three":[3, 4]} ]`,
		"list.0":             `1`,
		"list.2.three.1":     `4`,
		"items.1.name":       `"second"`,
		"0":                  `"zero"`,
		"with space":         `1`,
		"key":                `"escaped"`,
		"\\u006be\\u0079":    `"escaped"`,
		"obj.a b":            `"x\\\"y"`,
		"missing":            `null`,
		"call.missing":       `null`,
		"call.id.more":       `null`,
		"none.more":          `null`,
		"list.3":             `null`,
		"list.-1":            `null`,
		"list.00":            `null`,
		"list.1e0":           `null`,
		"list.9999999999999": `null`,
		"list.length":        `null`,
		"list.three":         `null`,
		"items.name":         `null`,
		"call.0":             `null`,
		"Event":              `null`,
	}
	for path, want := range tests {
		got, err := mustCompile(t, `{"v":"{{`+path+`}}"}`).Render([]byte(sampleBody))
		if err != nil || string(got) != `{"v":`+want+`}` {
			t.Errorf("{{%s}}: got %s, %v, want %s", path, got, err, want)
		}
	}
}

func TestRenderInsideALongerText(t *testing.T) {
	tests := map[string]string{
		"event: {{event}}":                "event: event_action",
		" {{event}}":                      " event_action",
		"{{event}} ":                      "event_action ",
		"{{event}}{{n}}":                  "event_action1.50",
		"<{{text}}>":                      "<say \"hi\"\né<é>>",
		"[{{n}}|{{big}}|{{yes}}]":         "[1.50|12345678901234567890|true]",
		"[{{none}}][{{missing}}]":         "[][]",
		"[{{empty}}]":                     "[]",
		"o {{call}}":                      `o {"id":"c-9","from":{"number":"+1"}}`,
		"l {{list}}":                      `l [1,"two",{"three":[3,4]}]`,
		"o {{obj}}":                       `o {"a b":"x\\\"y","c":[]}`,
		"{{items.0.name}}/{{call.id}}":    "first/c-9",
		"}} stays, and so does { or }":    "}} stays, and so does { or }",
		"{{event}}}} and {\"a\":{{n}}}":   `event_action}} and {"a":1.50}`,
		"\"quotes\" \\ \n\u2028 {{n}}":    "\"quotes\" \\ \n\u2028 1.50",
		"é😀<&> {{n}} é😀<&>":               "é😀<&> 1.50 é😀<&>",
		"{{ call.from.number }} {{call}}": `+1 {"id":"c-9","from":{"number":"+1"}}`,
	}
	for text, want := range tests {
		template, err := json.Marshal(map[string]string{"v": text})
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := mustCompile(t, string(template)).Render([]byte(sampleBody))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got struct{ V string }
		if err := json.Unmarshal(rendered, &got); err != nil || got.V != want {
			t.Errorf("%s: got %q, %v, want %q", text, got.V, err, want)
		}
	}
}

func TestRenderKeepsTheRestOfTheTemplate(t *testing.T) {
	tests := []struct{ name, template, want string }{
		{"nothing", `{}`, `{}`},
		{"no placeholder", `{"z":1.0,"a":[true,null,"x\u00e9"]}`, `{"z":1.0,"a":[true,null,"x\u00e9"]}`},
		{"white space between", " { \"z\" : [ 1 ,\n2 ] } ", `{"z":[1,2]}`},
		{"order of names", `{"z":"{{n}}","a":"{{event}}","m":0}`, `{"z":1.50,"a":"event_action","m":0}`},
		{"names twice", `{"a":"{{n}}","a":2}`, `{"a":1.50,"a":2}`},
		{"placeholders in names are none", `{"{{event}}":"{{n}}","{{":1}`, `{"{{event}}":1.50,"{{":1}`},
		{"in objects and arrays", `{"a":{"b":["{{n}}",["{{event}}"]]}}`, `{"a":{"b":[1.50,["event_action"]]}}`},
		{"one path often", `{"a":"{{n}}","b":"{{n}} {{n}}"}`, `{"a":1.50,"b":"1.50 1.50"}`},
		{"a path and one below it", `{"a":"{{call}}","b":"{{call.id}}"}`, `{"a":{"id":"c-9","from":{"number":"+1"}},"b":"c-9"}`},
		{"braces that are escaped", `{"a":"\u007b\u007bn\u007d\u007d"}`, `{"a":1.50}`},
		{"strings with escapes", `{"a":"\"{ {\\","b":"\\\" {{n}} \\\""}`, `{"a":"\"{ {\\","b":"\\\" 1.50 \\\""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustCompile(t, tt.template).Render([]byte(sampleBody))
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

// What has a meaning in the path languages of other libraries is a character like any other here.
func TestPathsAreExactNames(t *testing.T) {
	body := []byte(`{"*":1,"a*":2,"?":3,"#":4,"a|b":5,"@this":6,"a\\":7,"$":8,"[0]":9,"a-b":10,"-1":11,"%":12,"!":13,"ab":14,
		"list":[1,2],"~true":15,"length":16,"a":{"#":17,"@keys":18},"'a'":19}`)
	for path, want := range map[string]string{
		"*": "1", "a*": "2", "?": "3", "#": "4", "a|b": "5", "@this": "6", `a\`: "7", "$": "8", "[0]": "9", "a-b": "10", "-1": "11",
		"%": "12", "!": "13", "~true": "15", "length": "16", "a.#": "17", "a.@keys": "18", "'a'": "19",
		"list.#": "null", "list.*": "null", "list.@reverse": "null", "a?": "null", "a.*": "null", "list.-1": "null", "list|0": "null",
		"@this.ab": "null", "..": "", "#(a==1)": "null", "@pretty": "null", "list.[0]": "null", "list[0]": "null",
	} {
		template, err := json.Marshal(map[string]string{"v": "{{" + path + "}}"})
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := payload.Compile(template)
		if want == "" {
			if err == nil {
				t.Errorf("{{%s}} is taken", path)
			}
			continue
		}
		if err != nil {
			t.Fatalf("{{%s}}: %v", path, err)
		}
		if got, err := compiled.Render(body); err != nil || string(got) != `{"v":`+want+`}` {
			t.Errorf("{{%s}}: got %s, %v, want %s", path, got, err, want)
		}
	}
}

func TestOfANameThatOccursTwiceTheLastCounts(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{"a":1,"a":2}`, `[2,null,null]`},
		{`{"a":{"b":1},"a":{"b":2}}`, `[{"b":2},2,null]`},
		{`{"a":{"b":1},"a":{"c":2}}`, `[{"c":2},null,null]`},
		{`{"a":{"b":{"c":1}},"a":3}`, `[3,null,null]`},
		{`{"a":3,"a":{"b":{"c":1}}}`, `[{"b":{"c":1}},{"c":1},1]`},
		{`{"a":{"b":{"c":1},"b":2}}`, `[{"b":{"c":1},"b":2},2,null]`},
		{`{"a":{"b":{"c":1}},"\u0061":{"b":{"d":1}}}`, `[{"b":{"d":1}},{"d":1},null]`},
	}
	template := mustCompile(t, `{"v":["{{a}}","{{a.b}}","{{a.b.c}}"]}`)
	for _, tt := range tests {
		if got, err := template.Render([]byte(tt.body)); err != nil || string(got) != `{"v":`+tt.want+`}` {
			t.Errorf("%s: got %s, %v, want %s", tt.body, got, err, tt.want)
		}
	}
}

func TestCompileRefusesWhatCannotBeParsed(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("a.", payload.MaxPathSegments+1), ".")
	tests := []struct {
		name, template string
		want           error
	}{
		{"not closed", `{"a":"{{event"}`, payload.ErrUnclosed},
		{"half closed", `{"a":"{{event}"}`, payload.ErrUnclosed},
		{"only opened", `{"a":"{{"}`, payload.ErrUnclosed},
		{"closed in the next string", `{"a":["{{event","}}"]}`, payload.ErrUnclosed},
		{"the second not closed", `{"a":"{{event}} {{n"}`, payload.ErrUnclosed},
		{"deep inside", `{"a":[{"b":["x {{event"]}]}`, payload.ErrUnclosed},
		{"empty", `{"a":"{{}}"}`, payload.ErrEmptyPath},
		{"blank", `{"a":"{{ \t }}"}`, payload.ErrEmptyPath},
		{"empty in a text", `{"a":"x{{}}"}`, payload.ErrEmptyPath},
		{"two full stops", `{"a":"{{a..b}}"}`, payload.ErrEmptySegment},
		{"full stop in front", `{"a":"{{.a}}"}`, payload.ErrEmptySegment},
		{"full stop behind", `{"a":"{{a.}}"}`, payload.ErrEmptySegment},
		{"full stop alone", `{"a":"{{.}}"}`, payload.ErrEmptySegment},
		{"nested", `{"a":"{{a{{b}}}}"}`, payload.ErrBraces},
		{"three braces", `{"a":"{{{a}}}"}`, payload.ErrBraces},
		{"four braces", `{"a":"{{{{a}}}}"}`, payload.ErrBraces},
		{"a brace inside", `{"a":"{{a}b}}"}`, payload.ErrBraces},
		{"opened again", `{"a":"{{a {{b}}"}`, payload.ErrBraces},
		{"too many segments", `{"a":"{{` + long + `}}"}`, payload.ErrPathTooLong},
		{"no JSON", `{"a":{{event}}}`, payload.ErrInvalidJSON},
		{"nothing", ``, payload.ErrInvalidJSON},
		{"no object but a string", `"{{event}}"`, payload.ErrNotObject},
		{"no object but an array", `["{{event}}"]`, payload.ErrNotObject},
		{"null", `null`, payload.ErrNotObject},
		{"invalid utf-8", "{\"a\":\"\xff\"}", payload.ErrInvalidUTF8},
		{"too deep", nested(payload.MaxTemplateDepth + 1), payload.ErrTooDeep},
		{"too large", `{"a":"` + strings.Repeat("x", payload.MaxTemplateBytes) + `"}`, payload.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := payload.Compile(json.RawMessage(tt.template)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestCompileNamesThePlaceholderAtFault(t *testing.T) {
	for template, want := range map[string]string{
		`{"a":"ok {{n}}","b":"x {{a..b}} y"}`:           "{{a..b}}",
		`{"a":"x {{ }} y"}`:                             "{{ }}",
		`{"a":"x {{oops"}`:                              "{{oops",
		`{"a":"{{` + strings.Repeat("é", 100) + `"}`:    "{{" + strings.Repeat("é", 31) + "…",
		`{"a":"{{x` + strings.Repeat("é", 100) + `..}}`: "",
	} {
		_, err := payload.Compile(json.RawMessage(template))
		var fault *payload.PlaceholderError
		if want == "" {
			if errors.As(err, &fault) {
				t.Errorf("%s: a fault of JSON is reported as one of a placeholder: %v", template, err)
			}
			continue
		}
		if !errors.As(err, &fault) || fault.Text != want || !strings.Contains(err.Error(), "placeholder") {
			t.Errorf("%s: got %v, want it to name %s", template, err, want)
		}
	}
}

func TestTheLimitsOfATemplateAreTaken(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("a.", payload.MaxPathSegments), ".")
	mustCompile(t, `{"a":"{{`+long+`}}"}`)
	mustCompile(t, nested(payload.MaxTemplateDepth))
	mustCompile(t, `{"a":"`+strings.Repeat("x", payload.MaxTemplateBytes-8)+`"}`)
}

func TestRenderIsBounded(t *testing.T) {
	kilobytes := func(n int, inner string) string { return strings.Repeat(inner, n<<10/len(inner)) }
	tests := []struct {
		name, value, item string
		times             int
		want              error
	}{
		{"a large value often", `"` + kilobytes(256, "x") + `"`, `"{{v}}"`, 1000, payload.ErrTooLarge},
		{"a large value often, as text", `"` + kilobytes(256, "x") + `"`, `"- {{v}}"`, 1000, payload.ErrTooLarge},
		{"just below", `"` + kilobytes(256, "x")[:262_000] + `"`, `"{{v}}"`, 4, nil},
		{"just above", `"` + kilobytes(256, "x") + `"`, `"{{v}}"`, 4, payload.ErrTooLarge},
		{"escapes that double it", `[` + kilobytes(200, `"",`) + `""]`, `"- {{v}}"`, 3, nil},
		{"escapes that make it too large", `[` + kilobytes(255, `"",`) + `""]`, `"- {{v}}"`, 4, payload.ErrTooLarge},
		{"white space that text would not have", `[` + kilobytes(256, ` `) + `]`, `"- {{v}}"`, 4, payload.ErrTooLarge},
		{"a small value often", `1`, `"{{v}}"`, 5000, nil},
		{"nothing often", `null`, `"- {{missing}}"`, 3000, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			items := strings.TrimSuffix(strings.Repeat(tt.item+",", tt.times), ",")
			got, err := mustCompile(t, `{"a":[`+items+`]}`).Render([]byte(`{"v":` + tt.value + `}`))
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err == nil {
				mustBeJSON(t, got)
			}
			if len(got) > payload.MaxRenderedBytes {
				t.Errorf("%d bytes", len(got))
			}
		})
	}
}

func TestATemplateRendersAtOnceInManyGoroutines(t *testing.T) {
	template := mustCompile(t, `{"a":"{{id}}","b":"<{{id}}>"}`)
	for id := range 8 {
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			t.Parallel()
			want := fmt.Sprintf(`{"a":%d,"b":"<%d>"}`, id, id)
			for range 500 {
				if got, err := template.Render(fmt.Appendf(nil, `{"id":%d}`, id)); err != nil || string(got) != want {
					t.Fatalf("got %s, %v, want %s", got, err, want)
				}
			}
		})
	}
}

func TestNamesAreComparedDecoded(t *testing.T) {
	for name, path := range map[string]string{
		`\u0061\u0062`:                "ab",
		`\"\\\/`:                      `"\/`,
		`a\bb\f\n\r\tc`:               "a\bb\f\n\r\tc",
		`\u00E9\u00e9é`:               "ééé",
		`\ud83d\ude00`:                "😀",
		`\uD83D\uDE00😀`:               "😀😀",
		`a\ud83d`:                     "a\ufffd",
		`\ud83d\u0061`:                "\ufffda",
		`\ud83dxxxxxx`:                "\ufffdxxxxxx",
		`\ude00\ud83d`:                "\ufffd\ufffd",
		strings.Repeat(`\u006b`, 200): strings.Repeat("k", 200),
	} {
		template, err := json.Marshal(map[string]string{"v": "{{x" + path + "}}"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := mustCompile(t, string(template)).Render([]byte(`{"x` + name + `":1}`))
		if err != nil || string(got) != `{"v":1}` {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

func TestRenderOfBodiesThatAreNoObjectsStillEnds(t *testing.T) {
	template := mustCompile(t, `{"a":"{{a}}","b":"{{a.b.0}} {{a.b}}"}`)
	for _, body := range []string{
		``, ` `, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":"`, `{"a":{`, `{"a":{"b":[`, `{"a":{"b":[1`, `{"a":{"b":[,,,`, `{"a"}`, `{"a":}`,
		`{a:1}`, `}`, `]`, `[`, `{"a":]}`, `{"\`, `{"\u`, `{"\u00":1}`, `{"a\":1}`, "{\"a\":1\x00", `{"a":{"b":{]}`,
	} {
		_, _ = template.Render([]byte(body))
		_, _ = agentEnvelope().Body([]byte(body))
	}
}

func TestRenderAllocatesOnlyItsResult(t *testing.T) {
	template := mustCompile(t, `{"a":"{{call.id}}","b":"{{items.0.name}} {{text}} {{n}}","c":"{{list}}"}`)
	body := []byte(sampleBody)
	if n := testing.AllocsPerRun(100, func() { _, _ = template.Render(body) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestEveryPathOfAWideTemplateFindsItsValue(t *testing.T) {
	const n = 300
	names := []string{"a", "b", "01", "1a", "é", "10000000000", "ab", "aa", "a b"}
	for i := range n {
		names = append(names, fmt.Sprint(i), fmt.Sprintf("x%d", i))
	}
	body := map[string]any{"list": make([]int, n)}
	template, want := map[string]string{}, map[string]any{}
	for i, name := range names {
		body[name] = map[string]any{"in": map[string]any{name: i}}
		template[name], want[name] = "{{"+name+".in."+name+"}}", float64(i)
	}
	for i := range n {
		body["list"].([]int)[i] = i * i
		key := fmt.Sprint("item ", i)
		template[key], want[key] = fmt.Sprintf("{{list.%d}}", n-1-i), float64((n-1-i)*(n-1-i))
	}
	text, _ := json.Marshal(template)
	raw, _ := json.Marshal(body)
	rendered, err := mustCompile(t, string(text)).Render(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(rendered, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
