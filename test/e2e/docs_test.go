package e2e_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	flagNames     = regexp.MustCompile("(?:^|[\\s`\"'=(\\[,])(--[a-z][a-z0-9-]+)")
	variableNames = regexp.MustCompile(`\$?\b(CARTEIRO_[A-Z_]+)\b`)
	commandLines  = regexp.MustCompile("(?m)^  ([a-z]+(?: [a-z]+)?) ")
	code          = regexp.MustCompile("(?s)```.*?```|`[^`]+`")
)

// othersFlags are flags of other programs that pages name.
var othersFlags = map[string]bool{"--build": true, "--detach": true, "--rm": true} // docker compose

// helps is what the binary says of all its verbs.
func helps(t *testing.T) string {
	t.Helper()
	say := func(args ...string) string {
		out, err := exec.CommandContext(within(t), binary, append(args, "--help")...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	all := say()
	for _, verb := range commandLines.FindAllStringSubmatch(all, -1) {
		all += say(strings.Fields(verb[1])...)
	}
	return all
}

// A flag or variable that a page names is one that there is.
func TestFlagsAndVariablesOfTheDocsAreThere(t *testing.T) {
	t.Parallel()
	there := make(map[string]bool)
	help := strings.ReplaceAll(helps(t), "--[no-]", "--")
	for _, names := range []*regexp.Regexp{flagNames, variableNames} {
		for _, found := range names.FindAllStringSubmatch(help, -1) {
			there[found[1]] = true
		}
	}
	if !there["--retry-schedule"] || !there["--grace"] || !there["CARTEIRO_RETENTION"] {
		t.Fatalf("the help is not understood: %v", there)
	}
	pages := []string{"../../README.md"}
	err := filepath.WalkDir("../../docs", func(name string, _ fs.DirEntry, err error) error {
		// A decision is of its day.
		if err == nil && filepath.Ext(name) == ".md" && !strings.Contains(name, "decisions") {
			pages = append(pages, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, passage := range code.FindAllString(string(text), -1) {
			for _, names := range []*regexp.Regexp{flagNames, variableNames} {
				for _, found := range names.FindAllStringSubmatch(passage, -1) {
					name := strings.Replace(found[1], "--no-", "--", 1)
					if !there[name] && !there[found[1]] && !othersFlags[name] {
						t.Errorf("%s names %s, which no verb has (and which is not among othersFlags)", page, found[1])
					}
				}
			}
		}
	}
}
