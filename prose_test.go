package carteiro_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxArchaicPhrases is the most archaic phrases per 1,000 lines that the Markdown files may contain. Lower it after a
// rewrite; never raise it. 0.5 leaves room for one or two words with a technical meaning.
const maxArchaicPhrases = 0.5

// archaic matches phrases that make English text sound old or translated. The list is a sample: a page without matches can
// still be hard to read. CONTRIBUTING.md has the rules.
var archaic = regexp.MustCompile(`(?i)\b(?:` + strings.Join([]string{
	`whoever`, `nobody`, `somebody`, `beside`, `anew`, `thereof`, `therein`, `wherein`, `henceforth`, `in vain`, `for good`,
	`mend(?:s|ed|ing)?`,                           // fix
	`what (?:is|was|it|runs|waits|comes|fails)`,   // name the thing
	`that (?:is|are) (?:there|its)`,               // existing
	`(?:is|are|was|were|be|been) told`,            // say who notifies whom
	`(?:is|are|was|were) given back`,              // releases, returns
	`(?:is|are|was) (?:no longer )?heard of`,      // dead, unreachable
	`of (?:its|their|your|our) own`,               // its own
	`(?:go|goes|went) on`,                         // continue, resume
	`(?:come|comes|came) over`,                    // import, move
	`(?:let|lets) go`,                             // release
	`puts? in(?:to)?`,                             // publish, insert
	`well again`,                                  // recovered
	`at no cost`,                                  // for free, without using up
	`as it is now`,                                // current
	`is none`,                                     // there is no
	`is no [a-z]+ of`,                             // does not belong to
	`so many`,                                     // that many, enough
	`one too many`, `one and the same`, `to task`, // over the limit; the same; blame
	`all the same`, `be it`, // anyway; whether
	`still to come`, // in the future
}, "|") + `)\b`)

var (
	fencedCode = regexp.MustCompile("(?s)(?:^|\n) *```.*?\n *```")
	inlineCode = regexp.MustCompile("`[^`\n]*`")
)

// archaicPhrases returns the archaic phrases of a Markdown text with their line numbers. It ignores code.
func archaicPhrases(markdown string) (found []string) {
	text := fencedCode.ReplaceAllStringFunc(markdown, func(code string) string {
		return strings.Repeat("\n", strings.Count(code, "\n"))
	})
	for i, line := range strings.Split(inlineCode.ReplaceAllString(text, "``"), "\n") {
		for _, phrase := range archaic.FindAllString(line, -1) {
			found = append(found, fmt.Sprintf("%d: %s", i+1, phrase))
		}
	}
	return found
}

func TestTheDocumentationIsInPlainEnglish(t *testing.T) {
	var found []string
	lines := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case ".git", "node_modules", "testdata", "pt-BR", "reference":
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		lines += strings.Count(string(text), "\n")
		for _, phrase := range archaicPhrases(string(text)) {
			found = append(found, name+":"+phrase)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines < 1000 {
		t.Fatalf("only %d lines of Markdown found", lines)
	}
	if rate := 1000 * float64(len(found)) / float64(lines); rate > maxArchaicPhrases {
		t.Errorf("%.2f archaic phrases per 1,000 lines, at most %g allowed; rewrite these sentences (see CONTRIBUTING.md):\n%s",
			rate, maxArchaicPhrases, strings.Join(found, "\n"))
	}
}

func TestArchaicPhrasesAreFoundOutsideCode(t *testing.T) {
	for text, want := range map[string]int{
		"Whoever lost the lease goes on.":                 2,
		"Fix it.\n\nThe owner is told.":                   1,
		"A put is idempotent. Besides, it is documented.": 0,
		"The log has `nobody` in it.":                     0,
		"```\nwhoever\n```\nThe node resumes.":            0,
	} {
		if got := archaicPhrases(text); len(got) != want {
			t.Errorf("%q: %d phrases, want %d: %q", text, len(got), want, got)
		}
	}
}
