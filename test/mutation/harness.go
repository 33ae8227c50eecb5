package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// harness builds the test binaries of a package with mutants and runs them.
type harness struct {
	*options
	target   *goPackage
	packages map[string]*goPackage
	mutants  []*mutant // by id
	rendered map[string]string
	units    []*unit
}

// A unit is a test that runs by itself: a top-level test, or a subtest of one that takes long.
type unit struct {
	binary string
	dir    string
	name   string // for -test.run, without ^ and $
	took   time.Duration
}

func (u *unit) key() string { return u.binary + " " + u.name }

// support is what the schemata call. CARTEIRO_MUTANT names the mutant that is switched on; CARTEIRO_MUTANT_LOG a file that
// lists the mutants that were reached.
const support = `package %s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantOn, _ = strconv.Atoi(os.Getenv("CARTEIRO_MUTANT"))
	mutantLog   = mutantOpen()
	mutantSeen  [%d]atomic.Bool
)

func mutantOpen() *os.File {
	f, _ := os.OpenFile(os.Getenv("CARTEIRO_MUTANT_LOG"), os.O_WRONLY|os.O_APPEND, 0)
	return f
}

func mutant(id int) bool {
	if mutantLog != nil && !mutantSeen[id].Swap(true) {
		mutantLog.WriteString(strconv.Itoa(id) + "\n")
	}
	return id == mutantOn
}

func mutantPick[T any](id int, other, was T) T {
	if mutant(id) {
		return other
	}
	return was
}

func mutantBool(id int, other, was bool) bool {
	if other != was && mutant(id) {
		return other
	}
	return was
}

func mutantZero[T any](id int, was T) (zero T) {
	if mutant(id) {
		return zero
	}
	return was
}
`

// instrument finds the mutants of the package, drops those that do not compile, and builds the test binaries.
func (h *harness) instrument(ctx context.Context) error {
	h.mutants = []*mutant{{broken: true}} // no mutant has id 0
	var sources []*source
	for _, name := range h.target.GoFiles {
		s, err := readSource(filepath.Join(h.target.Dir, name))
		if err != nil {
			return err
		}
		for _, m := range s.mutants {
			m.id = len(h.mutants)
			h.mutants = append(h.mutants, m)
		}
		sources = append(sources, s)
	}
	for range 50 {
		if err := h.writeOverlay(sources); err != nil {
			return err
		}
		out, err := h.goCommand(ctx, "build", "-gcflags="+h.pkg+"=-e", "-overlay", h.overlay(), h.pkg).CombinedOutput()
		if err == nil {
			return h.buildTests(ctx)
		}
		if err := h.dropBroken(string(out)); err != nil {
			return err
		}
	}
	return errors.New("the mutants do not compile")
}

func (h *harness) goCommand(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "go", args...) //nolint:gosec // arguments of our own
}

func (h *harness) overlay() string { return filepath.Join(h.dir, "overlay.json") }

func (h *harness) writeOverlay(sources []*source) error {
	replace := map[string]string{}
	h.rendered = map[string]string{}
	write := func(path, text string) error {
		replace[path] = filepath.Join(h.dir, filepath.Base(path))
		h.rendered[filepath.Base(path)] = text
		return os.WriteFile(replace[path], []byte(text), 0o600)
	}
	for _, s := range sources {
		if err := write(s.path, s.render()); err != nil {
			return err
		}
	}
	path := filepath.Join(h.target.Dir, "zz_mutants.go")
	if err := write(path, fmt.Sprintf(support, h.target.Name, len(h.mutants))); err != nil {
		return err
	}
	encoded, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(h.overlay(), encoded, 0o600)
}

// compileError matches what the compiler says of a place.
var compileError = regexp.MustCompile(`(?m)^(\S+\.go):(\d+):(\d+): (.*)$`)

// dropBroken marks the mutants that compile errors point at.
func (h *harness) dropBroken(output string) error {
	dropped := 0
	for _, e := range compileError.FindAllStringSubmatch(output, -1) {
		text := h.rendered[filepath.Base(e[1])]
		line, _ := strconv.Atoi(e[2])
		column, _ := strconv.Atoi(e[3])
		offset := 0
		for range line - 1 {
			offset += strings.IndexByte(text[offset:], '\n') + 1
		}
		if id := blame(text, offset+column-1); id > 0 && !h.mutants[id].broken {
			h.mutants[id].broken = true
			dropped++
		}
	}
	if dropped == 0 {
		return fmt.Errorf("building the mutants:\n%s", output)
	}
	return nil
}

// viable returns the mutants that compile, in the order of the source.
func (h *harness) viable() []*mutant {
	return slices.DeleteFunc(slices.Clone(h.mutants), func(m *mutant) bool { return m.broken })
}

// buildTests builds one test binary per package of the tests.
func (h *harness) buildTests(ctx context.Context) error {
	for _, name := range h.tests {
		p := h.packages[name]
		if p == nil {
			return fmt.Errorf("no package %s", name)
		}
		binary := filepath.Join(h.dir, strings.ReplaceAll(name, "/", "_")+".test")
		out, err := h.goCommand(ctx, "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", h.overlay(), "-o", binary, name).CombinedOutput()
		if err != nil {
			return fmt.Errorf("building the tests of %s: %w\n%s", name, err, out)
		}
		h.units = append(h.units, &unit{binary: binary, dir: p.Dir})
	}
	return nil
}

// record runs every test once, without any mutant, and notes which mutants it reaches.
func (h *harness) record(ctx context.Context) error {
	packages := h.units
	h.units = nil
	for _, p := range packages {
		list := exec.CommandContext(ctx, p.binary, "-test.list", h.only) //nolint:gosec // built above
		list.Dir = p.dir
		out, err := list.Output()
		if err != nil {
			return fmt.Errorf("listing the tests of %s: %w", p.dir, err)
		}
		for name := range strings.FieldsSeq(string(out)) {
			if err := h.recordTest(ctx, &unit{binary: p.binary, dir: p.dir, name: name}); err != nil {
				return err
			}
		}
	}
	return nil
}

// long is the duration from which the subtests of a test become units of their own.
const long = 4 * time.Second

func (h *harness) recordTest(ctx context.Context, u *unit) error {
	log := filepath.Join(h.dir, "reached")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		return err
	}
	start := time.Now()
	cmd := h.test(ctx, u.binary, u.dir, []string{u.name}, 5*time.Minute)
	cmd.Args = append(cmd.Args, "-test.v")
	cmd.Env = append(cmd.Env, "CARTEIRO_MUTANT_LOG="+log)
	out, err := cmd.CombinedOutput()
	u.took = time.Since(start)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		h.say("left out: %s fails without a mutant\n", u.key())
		return nil
	}
	if subtests := subtestsOf(u.name, string(out)); u.took > long && len(subtests) > 1 && !strings.Contains(u.name, "/") {
		for _, name := range subtests {
			if err := h.recordTest(ctx, &unit{binary: u.binary, dir: u.dir, name: name}); err != nil {
				return err
			}
		}
		return nil
	}
	reached, err := os.ReadFile(log) //nolint:gosec // written above
	if err != nil {
		return err
	}
	for field := range strings.FieldsSeq(string(reached)) {
		if id, err := strconv.Atoi(field); err == nil {
			h.mutants[id].reached[u.key()] = true
		}
	}
	h.units = append(h.units, u)
	return nil
}

// subtestsOf reads the direct subtests of a test from its verbose output.
func subtestsOf(name, output string) (names []string) {
	for _, match := range regexp.MustCompile(`(?m)^=== RUN +(\S+)$`).FindAllStringSubmatch(output, -1) {
		if rest, ok := strings.CutPrefix(match[1], name+"/"); ok && !strings.Contains(rest, "/") {
			names = append(names, match[1])
		}
	}
	return names
}

// test is a run of some tests of a binary. All names have the same number of parts.
func (h *harness) test(ctx context.Context, binary, dir string, names []string, timeout time.Duration) *exec.Cmd {
	var parts []string
	for i, part := range strings.Split(names[0], "/") {
		quoted := []string{regexp.QuoteMeta(part)}
		for _, name := range names[1:] {
			quoted = append(quoted, regexp.QuoteMeta(strings.Split(name, "/")[i]))
		}
		slices.Sort(quoted)
		parts = append(parts, "^("+strings.Join(slices.Compact(quoted), "|")+")$")
	}
	cmd := exec.CommandContext(ctx, binary, "-test.failfast", "-test.timeout="+timeout.String(), "-test.run", strings.Join(parts, "/")) //nolint:gosec // built above
	cmd.Dir = dir
	cmd.Env = os.Environ() //nolint:forbidigo // a tool: its tests get the same environment
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// try runs the tests that reach a mutant, those of one package at a time, and stops at the first that fails.
func (h *harness) try(ctx context.Context, m *mutant) verdict {
	result := uncovered
	for _, group := range h.groups(m) {
		result = survived
		var took time.Duration
		var names []string
		for _, u := range group {
			took += u.took
			names = append(names, u.name)
		}
		// Longer than most tests wait for anything, so that they can fail with a message of their own.
		timeout := 45*time.Second + 3*took
		bounded, cancel := context.WithTimeout(ctx, timeout+20*time.Second)
		cmd := h.test(bounded, group[0].binary, group[0].dir, names, timeout)
		cmd.Env = append(cmd.Env, "CARTEIRO_MUTANT="+strconv.Itoa(m.id))
		out, err := cmd.CombinedOutput()
		late := bounded.Err() != nil
		cancel()
		if late || bytes.Contains(out, []byte("panic: test timed out")) {
			return hung
		}
		if err != nil {
			return killed
		}
	}
	return result
}

// quick is the duration up to which a test runs before the longer ones.
const quick = 500 * time.Millisecond

// groups returns the units that reach a mutant, grouped by the process that runs them. Quick tests come first: they kill most
// mutants, and the longer ones then need not run.
func (h *harness) groups(m *mutant) (groups [][]*unit) {
	at := map[string]int{}
	for _, u := range h.units {
		if !m.reached[u.key()] {
			continue
		}
		key := u.binary
		if parent, _, isSubtest := strings.Cut(u.name, "/"); isSubtest {
			key += " " + parent
		}
		if u.took > quick {
			key += " long"
		}
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], u)
	}
	slices.SortStableFunc(groups, func(a, b []*unit) int { return cmp.Compare(longest(a), longest(b)) })
	return groups
}

func longest(group []*unit) (took time.Duration) {
	for _, u := range group {
		took = max(took, u.took)
	}
	return took
}
