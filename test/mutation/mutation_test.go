package main

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// wrap makes a function of statements.
func wrap(body string) string { return "package p\n\nfunc f() {\n" + body + "\n}\n" }

func TestEachMistakeIsFoundWhereItCanBeMade(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"a guard": {"if n < limit { return }", []string{
			"if true: n < limit", "if false: n < limit", "boundary: n < limit", "removed: return"}},
		"parts of a condition": {"if a && !b { g() }", []string{
			"if true: a && !b", "if false: a && !b", "left out of a condition: a", "left out of a condition: !b", "removed: g()"}},
		"an error that is passed on": {"if err != nil { return }", []string{"if true: err != nil", "removed: return"}},
		"an error that is handled":   {"if err != nil { g() }", []string{"if true: err != nil", "if false: err != nil", "removed: g()"}},
		"statements":                 {"x = 1; x++; defer c(); ch <- 1", []string{"removed: x = 1", "removed: x++", "removed: defer c()", "removed: ch <- 1"}},
		"what no test can notice":    {"s.log.Warn(`x`); mu.Lock(); defer mu.Unlock(); panic(`x`)", nil},
		"parts of a statement stay": {"for i = 0; i < n; i++ { }; select { case ch <- 1: }; switch x = 1; x { }", []string{
			"loop condition false: i < n", "boundary: i < n"}},
		"fields": {"x := T{A: b, C: nil, D: true}; g(x)", []string{"left out: A: b", "negated: true", "removed: g(x)"}},
		"sums":   {"x := a + b; y := a() + b", []string{"- for +: a + b"}},
		"SQL": {"q(`SELECT x FROM y WHERE id = $1 AND at < $2 ORDER BY at DESC FOR UPDATE SKIP LOCKED`)", []string{
			"removed", "<> for =", "<= for <", "condition left out", "condition left out", "SKIP LOCKED left out",
			"FOR UPDATE left out", "DESC left out"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := findMutants("p.go", wrap(test.body))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range s.mutants {
				got = append(got, m.what)
			}
			missing := slices.Clone(test.want)
			for _, what := range got {
				i := slices.IndexFunc(missing, func(w string) bool { return strings.HasPrefix(what, w) })
				if i < 0 {
					t.Errorf("unexpected mutant %q", what)
					continue
				}
				missing = slices.Delete(missing, i, i+1)
			}
			if len(missing) > 0 {
				t.Errorf("got %q, which lacks %q", got, missing)
			}
		})
	}
}

func TestMutantsNestAndACompileErrorIsTracedToTheInnermost(t *testing.T) {
	s, err := findMutants("p.go", wrap("if a && n < limit {\n\tx = y + z\n}")+"\nconst q = `SELECT 1 WHERE a IS NULL`\n")
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range s.mutants {
		m.id = i + 1
	}
	text := s.render()
	if _, err := parser.ParseFile(token.NewFileSet(), "p.go", text, 0); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	if !strings.Contains(text, "var   q") {
		t.Errorf("a constant of SQL did not become a variable:\n%s", text)
	}
	for _, m := range s.mutants {
		if strings.HasPrefix(m.what, "- for +") {
			if id := blame(text, strings.Index(text, "mutantPick")); id != m.id {
				t.Errorf("an error in %q is traced to mutant %d instead of %d", m.what, id, m.id)
			}
			m.broken = true
		}
	}
	if strings.Contains(s.render(), "y - z") {
		t.Errorf("a mutant that does not compile is still in the text:\n%s", s.render())
	}
}

func TestASampleIsTheSameForTheSameSeed(t *testing.T) {
	all := make([]*mutant, 100)
	for i := range all {
		all[i] = &mutant{id: i}
	}
	first := choose(slices.Clone(all), &options{sample: 10, seed: 7})
	again := choose(slices.Clone(all), &options{sample: 10, seed: 7})
	other := choose(slices.Clone(all), &options{sample: 10, seed: 8})
	if len(first) != 10 || !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Errorf("samples are %v, %v and %v", first, again, other)
	}
}

func TestThePartsOfASampleAreTheSample(t *testing.T) {
	all := make([]*mutant, 10)
	for i := range all {
		all[i] = &mutant{id: i}
	}
	var parts []*mutant
	for _, part := range []string{"1/3", "2/3", "3/3"} {
		parts = append(parts, (&options{part: part}).partOf(all)...)
	}
	if !slices.Equal(parts, all) {
		t.Errorf("the parts are %v", parts)
	}
	for _, part := range []string{"0/3", "4/3", "x", "1"} {
		if _, _, err := (&options{part: part}).fraction(); err == nil {
			t.Errorf("-part %s is accepted", part)
		}
	}
}
