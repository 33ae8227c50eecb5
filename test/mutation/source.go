package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one small mistake. Its schema turns the text of a statement or expression into text that behaves the same
// until the mutant is switched on.
type mutant struct {
	id         int
	file       string // absolute path
	line       int
	start, end int // bytes of the file
	what       string
	schema     func(id int, text string) string
	broken     bool            // does not compile
	reached    map[string]bool // names of the tests that reach it, see unit.key
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d: %s", filepath.Base(m.file), m.line, m.what)
}

// source is a file with its mutants, in the order in which they nest.
type source struct {
	path    string
	text    string
	mutants []*mutant
	consts  []int // offsets of const declarations of SQL that become variables
}

// finder collects the mutants of one file.
type finder struct {
	*source
	fset *token.FileSet
	// skip holds expressions that must stay constant or that another mutant covers.
	skip map[ast.Node]bool
	// forced holds conditions that are forced to either value, which says more than negating them.
	forced map[ast.Node]bool
}

// readSource parses a file and finds its mutants.
func readSource(path string) (*source, error) {
	text, err := os.ReadFile(path) //nolint:gosec // a file of this module
	if err != nil {
		return nil, err
	}
	return findMutants(path, string(text))
}

func findMutants(path, text string) (*source, error) {
	f := &finder{source: &source{path: path, text: text}, fset: token.NewFileSet(), skip: map[ast.Node]bool{}, forced: map[ast.Node]bool{}}
	file, err := parser.ParseFile(f.fset, path, text, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	if !ast.IsGenerated(file) {
		ast.Inspect(file, f.visit)
	}
	slices.SortStableFunc(f.mutants, func(a, b *mutant) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
	return f.source, nil
}

func (f *finder) offset(p token.Pos) int { return f.fset.Position(p).Offset }

func (f *finder) textOf(n ast.Node) string { return f.text[f.offset(n.Pos()):f.offset(n.End())] }

// add appends a mutant of n. Outer nodes come first, so that mutants nest in the order of the slice.
func (f *finder) add(n ast.Node, what string, schema func(id int, text string) string) {
	f.mutants = append(f.mutants, &mutant{
		file: f.path, line: f.fset.Position(n.Pos()).Line, start: f.offset(n.Pos()), end: f.offset(n.End()),
		what: what, schema: schema, reached: map[string]bool{},
	})
}

// short is the text of a node on one line, for the report.
func (f *finder) short(n ast.Node) string {
	s := strings.Join(strings.Fields(f.textOf(n)), " ")
	if len(s) > 70 {
		s = s[:67] + "…"
	}
	return s
}

// sqlText matches a string that is SQL.
var sqlText = regexp.MustCompile(`\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|ORDER BY)\b`)

// visit adds the mutants of one node and reports whether to go on into it.
func (f *finder) visit(n ast.Node) bool {
	if n == nil || f.skip[n] {
		return false
	}
	switch n := n.(type) {
	case *ast.ImportSpec, *ast.StructType, *ast.InterfaceType, *ast.ArrayType:
		return false
	case *ast.GenDecl:
		if n.Tok == token.CONST {
			return f.constants(n)
		}
	case *ast.CaseClause:
		for _, e := range n.List {
			if _, isLiteral := e.(*ast.BasicLit); isLiteral {
				f.skip[e] = true
			}
		}
	case ast.Stmt:
		f.statement(n)
	case ast.Expr:
		f.expression(n)
	case *ast.FuncDecl:
		return n.Body != nil
	}
	return true
}

// constants turns a declaration of SQL constants into variables, so that their text can have mutants. A sum of strings may
// be made of such constants and becomes a variable, too.
func (f *finder) constants(d *ast.GenDecl) bool {
	if text := f.textOf(d); !sqlText.MatchString(text) && !strings.Contains(text, " + ") {
		return false
	}
	for _, s := range d.Specs {
		value, ok := s.(*ast.ValueSpec)
		if !ok || value.Type != nil || len(value.Values) != len(value.Names) || !allStrings(value.Values) {
			return false
		}
	}
	f.consts = append(f.consts, f.offset(d.Pos()))
	return true
}

// allStrings reports whether expressions are made of string literals and names only.
func allStrings(exprs []ast.Expr) bool {
	for _, e := range exprs {
		switch e := e.(type) {
		case *ast.BasicLit:
			if e.Kind != token.STRING {
				return false
			}
		case *ast.Ident, *ast.SelectorExpr:
		case *ast.BinaryExpr:
			if e.Op != token.ADD || !allStrings([]ast.Expr{e.X, e.Y}) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// render returns the file with the schemata of all mutants that compile. Each region is enclosed in comments that name
// its mutant, so that a compile error can be traced to it.
func (s *source) render() string {
	ms := slices.DeleteFunc(slices.Clone(s.mutants), func(m *mutant) bool { return m.broken })
	if len(ms) == 0 {
		return s.text
	}
	return s.renderRange(0, len(s.text), ms)
}

func (s *source) renderRange(from, to int, ms []*mutant) string {
	var b strings.Builder
	for len(ms) > 0 {
		m := ms[0]
		inside := 1
		for inside < len(ms) && ms[inside].start < m.end {
			inside++
		}
		b.WriteString(s.plain(from, m.start))
		text := s.renderRange(m.start, m.end, ms[1:inside])
		fmt.Fprintf(&b, "/*<%d*/%s/*>%d*/", m.id, m.schema(m.id, text), m.id)
		from, ms = m.end, ms[inside:]
	}
	b.WriteString(s.plain(from, to))
	return b.String()
}

// plain is the text of a range without mutants, with constants of SQL made variables.
func (s *source) plain(from, to int) string {
	text := s.text[from:to]
	for _, at := range s.consts {
		if from <= at && at < to {
			text = text[:at-from] + "var  " + text[at-from+len("const"):]
		}
	}
	return text
}

var marker = regexp.MustCompile(`/\*([<>])(\d+)\*/`)

// blame returns the id of the mutant that causes a compile error at an offset of a rendered text: the innermost around it,
// else the next one on its line (an operand of another type), else the last one before it (a function that no longer ends
// in a return is reported at its closing brace), else -1.
func blame(rendered string, offset int) int {
	var open []int
	last := -1
	for _, at := range marker.FindAllStringSubmatchIndex(rendered, -1) {
		id, _ := strconv.Atoi(rendered[at[4]:at[5]])
		begins := rendered[at[2]] == '<'
		switch {
		case at[0] > offset && len(open) > 0:
			return open[len(open)-1]
		case at[0] > offset && begins && !strings.Contains(rendered[offset:at[0]], "\n"):
			return id
		case at[0] > offset:
			return last
		case begins:
			open = append(open, id)
		default:
			open, last = open[:len(open)-1], id
		}
	}
	return last
}
