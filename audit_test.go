package carteiro_test

import (
	"os"
	"strings"
	"testing"

	"github.com/carteiro/carteiro"
)

// Whoever reads the audit log, or hands out a token, must find each word explained, in both languages.
func TestEveryActionActorAndScopeIsInTheDocumentation(t *testing.T) {
	var actions, actors []string
	for _, action := range carteiro.AuditActions() {
		actions = append(actions, string(action))
	}
	for _, actor := range carteiro.ActorKinds() {
		actors = append(actors, string(actor))
	}
	for page, words := range map[string][]string{
		"docs/security.md": append(actions, actors...), "docs/pt-BR/security.md": append(actions, actors...),
		"docs/environments.md": carteiro.ScopeNames(), "docs/pt-BR/operating.md": carteiro.ScopeNames(),
	} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(text), "`"+word+"`") {
				t.Errorf("%s does not tell of %s", page, word)
			}
		}
	}
}
