package carteiro_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// translations is where the dashboard keeps what the server can answer, in Portuguese.
const translations = "web/src/i18n/server-pt-BR.ts"

// TestServerMessagesAreTranslated fails when the server has a message or names a field that the dashboard cannot translate.
func TestServerMessagesAreTranslated(t *testing.T) {
	known := translatedKeys(t)
	total := 0
	check := func(where string, texts []string) {
		if len(texts) == 0 {
			t.Errorf("%s: no messages found; adapt this test to where they are now", where)
		}
		total += len(texts)
		for _, text := range texts {
			if !known[text] {
				t.Errorf("%s: no translation of %q. Add it to %s.", where, text, translations)
			}
		}
	}
	const wording = "internal/api/wording.go"
	check(wording, literals(t, wording, func(text string) bool { return strings.Contains(strings.TrimSpace(text), " ") }))
	check(wording, fieldNames(t, wording))
	check("internal/send/fault.go", causes(t, "internal/send/fault.go"))
	check("internal/payload", errorTexts(t, "internal/payload/check.go", "internal/payload/compile.go"))
	check("outcomes", outcomeTexts(t))
	if total < 150 {
		t.Errorf("found only %d messages and fields", total)
	}
}

// TestTranslationsHaveNoLeftovers fails when the dashboard translates a message that the server no longer has.
func TestTranslationsHaveNoLeftovers(t *testing.T) {
	has := make(map[string]bool)
	for _, texts := range [][]string{
		literals(t, "internal/api/wording.go", func(string) bool { return true }),
		fieldNames(t, "internal/api/wording.go"),
		causes(t, "internal/send/fault.go"),
		errorTexts(t, "internal/payload/check.go", "internal/payload/compile.go"),
		outcomeTexts(t),
	} {
		for _, text := range texts {
			has[text] = true
		}
	}
	for key := range translatedKeys(t) {
		if !has[key] {
			t.Errorf("%s translates %q, which the server no longer says. Remove it.", translations, key)
		}
	}
}

// translatedKeys returns the keys of both tables: one a line, quoted where it is not an identifier.
func translatedKeys(t *testing.T) map[string]bool {
	t.Helper()
	source, err := os.ReadFile(translations)
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?m)^  (?:'([^']+)'|"([^"]+)"|(\w+)):`).FindAllStringSubmatch(string(source), -1) {
		keys[match[1]+match[2]+match[3]] = true
	}
	return keys
}

// literals returns the string literals of a file, other than import paths.
func literals(t *testing.T, path string, want func(string) bool) []string {
	t.Helper()
	var found []string
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		if _, ok := n.(*ast.ImportSpec); ok {
			return false
		}
		if text, ok := stringOf(n); ok && want(text) {
			found = append(found, text)
		}
		return true
	})
	return found
}

// fieldNames returns the constants that name fields, in words.
func fieldNames(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "field") {
			return true
		}
		if text, ok := stringOf(spec.Values[0]); ok {
			found = append(found, strings.ReplaceAll(text, "_", " "))
		}
		return true
	})
	return found
}

// causes returns the texts that are returned beside a reason.
func causes(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		if ret, ok := n.(*ast.ReturnStmt); ok && len(ret.Results) == 2 {
			if text, ok := stringOf(ret.Results[1]); ok && text != "" {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

// errorTexts returns the texts of the package's exported errors.
func errorTexts(t *testing.T, paths ...string) []string {
	t.Helper()
	var found []string
	for _, path := range paths {
		ast.Inspect(parse(t, path), func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Err") {
				return true
			}
			if call, ok := spec.Values[0].(*ast.CallExpr); ok {
				if text, ok := stringOf(call.Args[0]); ok {
					found = append(found, text)
				}
			}
			return true
		})
	}
	return found
}

// outcomeTexts returns the literals that are stored as the error of an outcome, anywhere outside of tests.
func outcomeTexts(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "test" || strings.HasSuffix(d.Name(), "test") || len(d.Name()) > 1 && d.Name()[0] == '.'):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		ast.Inspect(parse(t, path), func(n ast.Node) bool {
			if text, ok := outcomeText(n); ok {
				found = append(found, text)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// outcomeText returns the literal of Outcome{Error: "…"} or outcome.Error = "…".
func outcomeText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if !isOutcome(n.Type) {
			return "", false
		}
		for _, element := range n.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok && isNamed(pair.Key, "Error") {
				return stringOf(pair.Value)
			}
		}
	case *ast.AssignStmt:
		if to, ok := n.Lhs[0].(*ast.SelectorExpr); ok && to.Sel.Name == "Error" {
			return stringOf(n.Rhs[0])
		}
	}
	return "", false
}

func isOutcome(of ast.Expr) bool {
	if selector, ok := of.(*ast.SelectorExpr); ok {
		return selector.Sel.Name == "Outcome"
	}
	return isNamed(of, "Outcome")
}

func isNamed(n ast.Node, name string) bool {
	identifier, ok := n.(*ast.Ident)
	return ok && identifier.Name == name
}

func stringOf(n ast.Node) (string, bool) {
	literal, ok := n.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(path), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
