package carteiro_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carteiro/carteiro"
)

func TestAWebhookPrintsNoSecret(t *testing.T) {
	w := &carteiro.Webhook{
		ID: carteiro.ID{1}, Secret: "tellnoone", AuthorizationValue: "tellnoone",
		FormerSecrets: []carteiro.FormerSecret{{Secret: "tellnoone", EndsAt: time.Now()}},
		CustomHeaders: []carteiro.Header{{Key: "X-Token", Value: "tellnoone"}},
	}
	type holder struct{ *carteiro.Webhook }
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{w, *w, holder{w}, []*carteiro.Webhook{w}, []carteiro.Webhook{*w}} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	fmt.Fprintln(&out, errors.Join(fmt.Errorf("of %v", w), fmt.Errorf("of %+v", *w)))
	for _, logger := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		logger.Info("said", "webhook", w, "value", *w)
	}
	for _, leak := range []string{"tellnoone", "74656c6c6e6f6f6e65"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("printed: %s", out.String())
		}
	}
	if !strings.Contains(out.String(), w.ID.String()) {
		t.Error("a webhook does not say which it is")
	}
}
