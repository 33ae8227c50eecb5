package carteiro_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryDecisionIsInTheIndex fails if a page of docs/decisions is missing in the index or listed under another title.
func TestEveryDecisionIsInTheIndex(t *testing.T) {
	index, err := os.ReadFile("docs/decisions/README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("docs/decisions/[0-9]*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no decisions found: %v", err)
	}
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(string(content), "# "), "\n")
		name := filepath.Base(page)
		if number, _, _ := strings.Cut(name, "-"); !strings.HasPrefix(title, number+". ") {
			t.Errorf("%s: the title %q does not start with the number %s", name, title, number)
		}
		if line := "- [" + title + "](" + name + ")"; !strings.Contains(string(index), line+"\n") {
			t.Errorf("docs/decisions/README.md lacks the line\n%s", line)
		}
	}
}
