package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// Schemata that fit several operators. mutant(n) is true while mutant n is switched on. A forced value calls it only when
// the value differs, so that a test counts as reaching the mutant only if the mutant changes something.

func forceTrue(id int, text string) string  { return fmt.Sprintf("((%s) || mutant(%d))", text, id) }
func forceFalse(id int, text string) string { return fmt.Sprintf("((%s) && !mutant(%d))", text, id) }
func negate(id int, text string) string     { return fmt.Sprintf("((%s) != mutant(%d))", text, id) }
func remove(id int, text string) string     { return fmt.Sprintf("if !mutant(%d) { %s }", id, text) }

// instead replaces a value by another one of the same type. Go evaluates both.
func instead(other string) func(int, string) string {
	return func(id int, text string) string { return fmt.Sprintf("mutantPick(%d, %s, %s)", id, other, text) }
}

// unobserved are statements whose removal no test can be asked to notice: logging, and locks, whose absence only the race
// detector sees.
var unobserved = regexp.MustCompile(`(?i)(^|\.)(log|logger|slog)\.|\.(R?Lock|R?Unlock)$|^panic$`)

func (f *finder) statement(n ast.Stmt) {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.condition(n)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.add(n.Cond, "loop condition false: "+f.short(n.Cond), forceFalse)
		}
		// The three parts of a loop hold simple statements only.
		f.skip[n.Init], f.skip[n.Post] = n.Init != nil, n.Post != nil
	case *ast.ExprStmt:
		if call, ok := n.X.(*ast.CallExpr); ok {
			f.removeCall(n, call)
		}
	case *ast.DeferStmt:
		f.removeCall(n, n.Call)
	case *ast.GoStmt:
		f.removeCall(n, n.Call)
	case *ast.SendStmt:
		f.add(n, "removed: "+f.short(n), remove)
	case *ast.IncDecStmt:
		f.add(n, "removed: "+f.short(n), remove)
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE && f.textOf(n.Lhs[0]) != "_" {
			f.add(n, "removed: "+f.short(n), remove)
		}
	case *ast.ReturnStmt:
		if len(n.Results) == 0 {
			f.add(n, "removed: return", remove)
		}
	case *ast.SelectStmt:
		for _, c := range n.Body.List {
			if comm, ok := c.(*ast.CommClause); ok && comm.Comm != nil {
				f.skip[comm.Comm] = true
			}
		}
	case *ast.SwitchStmt:
		if n.Init != nil {
			f.skip[n.Init] = true
		}
	case *ast.TypeSwitchStmt:
		f.skip[n.Assign] = true
	}
}

func (f *finder) removeCall(n ast.Stmt, call *ast.CallExpr) {
	if !unobserved.MatchString(f.textOf(call.Fun)) {
		f.add(n, "removed: "+f.short(n), remove)
	}
}

// condition mutates what an if asks. Passing an error on is mutated in one direction only: tests cannot make every call
// of a database fail, and a branch that is never taken would count against every function that has one.
func (f *finder) condition(n *ast.IfStmt) {
	if n.Init != nil {
		if a, ok := n.Init.(*ast.AssignStmt); ok && a.Tok != token.DEFINE {
			f.skip[n.Init] = true // a simple statement only; it stays
		} else if !ok {
			f.skip[n.Init] = true
		}
	}
	f.forced[n.Cond] = true
	f.add(n.Cond, "if true: "+f.short(n.Cond), forceTrue)
	if !passesError(n) {
		f.add(n.Cond, "if false: "+f.short(n.Cond), forceFalse)
	}
}

// passesError reports whether an if does nothing but return an error that it was given.
func passesError(n *ast.IfStmt) bool {
	cond, ok := n.Cond.(*ast.BinaryExpr)
	if !ok || cond.Op != token.NEQ || !isIdent(cond.X, "err") || !isIdent(cond.Y, "nil") || len(n.Body.List) != 1 {
		return false
	}
	_, returns := n.Body.List[0].(*ast.ReturnStmt)
	return returns
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

var boundaries = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}

var arithmetic = map[token.Token]string{token.ADD: "-", token.SUB: "+", token.MUL: "+", token.QUO: "*", token.REM: "*"}

func (f *finder) expression(n ast.Expr) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT && !f.forced[n] {
			f.add(n, "negated: "+f.short(n), negate)
		}
	case *ast.Ident:
		if n.Name == "true" || n.Name == "false" {
			f.add(n, "negated: "+n.Name, negate)
		}
	case *ast.BasicLit:
		if n.Kind == token.STRING && sqlText.MatchString(n.Value) {
			f.sql(n)
		}
	case *ast.CallExpr:
		f.call(n)
	case *ast.CompositeLit:
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && canBeLeftOut(kv.Value) {
				f.add(kv.Value, "left out: "+f.short(kv), func(id int, text string) string {
					return fmt.Sprintf("mutantZero(%d, %s)", id, text)
				})
				f.skip[kv.Key] = true
			}
		}
	}
}

// canBeLeftOut reports whether the zero value may stand for a field's value and differs from it.
func canBeLeftOut(value ast.Expr) bool {
	switch value := value.(type) {
	case *ast.Ident:
		return value.Name != "nil" && value.Name != "true" && value.Name != "false"
	case *ast.CompositeLit:
		return value.Type != nil
	}
	return true
}

func (f *finder) binary(n *ast.BinaryExpr) {
	x, y := f.textOf(n.X), f.textOf(n.Y)
	switch n.Op {
	case token.LAND:
		f.forced[n.X], f.forced[n.Y] = true, true
		f.add(n.X, "left out of a condition: "+f.short(n.X), forceTrue)
		f.add(n.Y, "left out of a condition: "+f.short(n.Y), forceTrue)
	case token.LOR:
		f.forced[n.X], f.forced[n.Y] = true, true
		f.add(n.X, "left out of a condition: "+f.short(n.X), forceFalse)
		f.add(n.Y, "left out of a condition: "+f.short(n.Y), forceFalse)
	case token.EQL, token.NEQ:
		if !f.forced[n] {
			f.add(n, "negated: "+f.short(n), negate)
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		other := x + " " + boundaries[n.Op] + " " + y
		if pure(n) {
			f.add(n, "boundary: "+f.short(n), func(id int, text string) string {
				return fmt.Sprintf("mutantBool(%d, %s, %s)", id, other, text)
			})
		}
	default:
		if op, ok := arithmetic[n.Op]; ok && pure(n) && !isLiteral(n.X) {
			f.add(n, op+" for "+n.Op.String()+": "+f.short(n), instead(x+" "+op+" "+y))
		}
	}
}

func isLiteral(e ast.Expr) bool {
	_, ok := e.(*ast.BasicLit)
	return ok
}

// harmless are calls that only compute.
var harmless = map[string]bool{"len": true, "cap": true, "int": true, "int64": true, "min": true, "max": true}

// pure reports whether Go may evaluate an expression twice.
func pure(e ast.Expr) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name, isName := n.Fun.(*ast.Ident)
			ok = ok && isName && harmless[name.Name]
		case *ast.FuncLit:
			ok = false
		case *ast.BasicLit:
			ok = ok && n.Kind != token.STRING
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		}
		return ok
	})
	return ok
}

func (f *finder) call(n *ast.CallExpr) {
	name, ok := n.Fun.(*ast.Ident)
	if ok && (name.Name == "make" || name.Name == "new") {
		// Sizes of slices and channels only save time, and types are no values.
		for _, a := range n.Args {
			f.skip[a] = true
		}
		return
	}
	other := map[string]string{"min": "max", "max": "min"}
	if ok && other[name.Name] != "" && pure(n) {
		f.add(n, other[name.Name]+" for "+f.short(n), instead(other[name.Name]+strings.TrimPrefix(f.textOf(n), name.Name)))
	}
}

// sqlOperators are mistakes in SQL, each at one place of a text. The text stays valid SQL.
var sqlOperators = []struct {
	what  string
	match *regexp.Regexp
	repl  string
}{
	{"<> for =", regexp.MustCompile(`((?:WHERE|AND|OR|WHEN|ON) \(?[\w.]+ )=( )`), "${1}<>${2}"},
	{"< for <=", regexp.MustCompile(`( )<=( )`), "${1}<${2}"},
	{"<= for <", regexp.MustCompile(`( )<( )`), "${1}<=${2}"},
	{"> for >=", regexp.MustCompile(`( )>=( )`), "${1}>${2}"},
	{">= for >", regexp.MustCompile(`( )>( )`), "${1}>=${2}"},
	{"condition left out", regexp.MustCompile(`(WHERE|AND) ([\w.]+ (?:=|<=|<|>=|>) (?:\?|\$\d+)(?:::\w+)?)`), "${1} (${2} OR TRUE)"},
	{"IS NOT NULL for IS NULL", regexp.MustCompile(`IS NULL`), "IS NOT NULL"},
	{"IS NULL for IS NOT NULL", regexp.MustCompile(`IS NOT NULL`), "IS NULL"},
	{"SKIP LOCKED left out", regexp.MustCompile(` SKIP LOCKED`), ""},
	{"FOR UPDATE left out", regexp.MustCompile(` FOR (?:NO KEY )?UPDATE(?: OF \w+)?(?: SKIP LOCKED)?`), ""},
	{"DESC left out", regexp.MustCompile(` DESC\b`), ""},
	{"- for +", regexp.MustCompile(`([\w.]+) \+ (\$\d+|\?|1|excluded\.\w+|u\.\w+)`), "${1} - ${2}"},
}

func (f *finder) sql(n *ast.BasicLit) {
	for _, op := range sqlOperators {
		for _, at := range op.match.FindAllStringSubmatchIndex(n.Value, -1) {
			was := n.Value[at[0]:at[1]]
			becomes := string(op.match.ExpandString(nil, op.repl, n.Value, at))
			other := n.Value[:at[0]] + becomes + n.Value[at[1]:]
			line := strings.Count(n.Value[:at[0]], "\n")
			f.add(n, op.what+": "+strconv.Quote(around(n.Value, at[0], at[1]))+" ("+strings.TrimSpace(was)+")", instead(other))
			f.mutants[len(f.mutants)-1].line += line
		}
	}
}

// around is the text near a place, for the report.
func around(s string, start, end int) string {
	return strings.Join(strings.Fields(s[max(0, start-20):min(len(s), end+20)]), " ")
}
