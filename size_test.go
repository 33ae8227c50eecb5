package carteiro_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
)

// Caches are bounded by Size: a setting that it leaves out would be unbounded.
func TestTheSizeOfAWebhookCountsAllItsTexts(t *testing.T) {
	text := strings.Repeat("x", 10<<10)
	empty := new(carteiro.Webhook).Size()
	for i := range reflect.TypeFor[carteiro.Webhook]().NumField() {
		w := new(carteiro.Webhook)
		field := reflect.ValueOf(w).Elem().Field(i)
		name := reflect.TypeFor[carteiro.Webhook]().Field(i).Name
		switch {
		case field.Kind() == reflect.String:
			field.SetString(text)
		case name == "Events":
			w.Events = []string{text}
		case name == "FormerSecrets":
			w.FormerSecrets = []carteiro.FormerSecret{{Secret: text}}
		case name == "CustomHeaders":
			w.CustomHeaders = []carteiro.Header{{Key: text[:5<<10], Value: text[5<<10:]}}
		case name == "PayloadTemplates":
			w.PayloadTemplates = map[string]json.RawMessage{text[:5<<10]: json.RawMessage(text[5<<10:])}
		case field.Kind() == reflect.Slice || field.Kind() == reflect.Map:
			if field.Type() != reflect.TypeFor[carteiro.ID]() {
				t.Errorf("%s: this test does not know how to fill it", name)
			}
			continue
		default:
			continue
		}
		if grown := w.Size() - empty; grown < len(text) {
			t.Errorf("%s: %d bytes count as %d", name, len(text), grown)
		}
	}
}
