package publish_test

import (
	"encoding/json"
	"testing"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/publish"
)

func TestEveryBuiltInEventHasASampleThatIsMarkedAsTest(t *testing.T) {
	catalogue := carteiro.NewCatalogue(nil, nil)
	for _, kind := range []carteiro.OwnerKind{carteiro.OwnerAgent, carteiro.OwnerCampaign} {
		for _, event := range catalogue.Types(kind) {
			var payload map[string]any
			if err := json.Unmarshal(publish.SamplePayload(kind, event.Name), &payload); err != nil {
				t.Errorf("%s: %v", event.Name, err)
			}
			if payload["test"] != true || len(payload) < 2 {
				t.Errorf("%s: %v", event.Name, payload)
			}
		}
	}
}
