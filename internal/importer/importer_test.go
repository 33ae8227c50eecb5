package importer

import (
	"strings"
	"testing"
	"time"
)

func TestAGroupHasTheSameAgentEachTime(t *testing.T) {
	const own = "01990E54-9d6b-7f00-8f63-3c1f0a5d7b21"
	for group, want := range map[string]string{
		own:            strings.ToLower(own), // a UUID is kept
		"app_2x":       idOf(Svix, "app_2x"),
		own + "-":      idOf(Svix, own+"-"),
		own[:35] + "g": idOf(Svix, own[:35]+"g"),
	} {
		if got := idOf(Svix, group); got != want || !isUUID(got) {
			t.Errorf("%s becomes %s, want %s", group, got, want)
		}
	}
	if idOf(Svix, "a") == idOf(Convoy, "a") || idOf(Svix, "a") == idOf(Svix, "b") {
		t.Error("two groups share an agent")
	}
	// Written down, so that a later version knows again what an earlier one has made.
	if got := idOf(Svix, "app_acme"); got != "5d236933-3e4c-585d-a3a0-99340f96dbfc" {
		t.Errorf("app_acme becomes %s", got)
	}
}

func TestANameKeepsItsMarkHoweverLongItIs(t *testing.T) {
	for _, name := range []string{"", "Billing", strings.Repeat("é", 300)} {
		e := &endpoint{id: "ep_1", name: name, url: "https://example.com"}
		if got := nameOf(e); len([]rune(got)) > 255 || !strings.HasSuffix(got, " "+marker(e)) {
			t.Errorf("%q becomes %q", name, got)
		}
	}
}

func TestWhatWouldBeRefusedIsSaidBefore(t *testing.T) {
	long := strings.Repeat("x", 500)
	for fault, e := range map[string]*endpoint{
		"is none":               {url: "example.com", secret: "s"},
		"its URL is longer":     {url: "https://example.com/" + long, secret: "s"},
		"its secret is not":     {url: "https://example.com"},
		"its secret is longer":  {url: "https://example.com", secret: long},
		"":                      {url: "https://example.com", secret: "s"},
		"no subscription leads": {url: "x", fault: "no subscription leads to it"},
	} {
		e.validate()
		if !strings.Contains(e.fault, fault) || fault == "" && e.fault != "" {
			t.Errorf("fault %q, want %q", e.fault, fault)
		}
	}
}

func TestPatienceIsBounded(t *testing.T) {
	for asked, want := range map[string]time.Duration{"": time.Second, "7": 7 * time.Second, "0": time.Second, "3600": maxRetryDelay, "soon": time.Second} {
		if got := retryDelay(asked); got != want {
			t.Errorf("%q gets %s, want %s", asked, got, want)
		}
	}
}
