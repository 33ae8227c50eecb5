// Command mutation measures how many small mistakes in a package its tests detect. It builds every mistake (mutant) of a
// package into one test binary behind a switch, records which tests reach which mutant, and then runs only those tests
// once per mutant. docs/decisions/0058-mutation-testing.md says why it exists. Run it as `make mutate PKG=internal/send`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// options are what the command line sets.
type options struct {
	pkg    string   // import path of the package that gets the mutants
	tests  []string // import paths of the packages whose tests run
	sample int      // number of mutants, 0 for all
	seed   uint64   // of the sample
	part   string   // "2/3": the second third of the sample, "" for all of it
	only   string   // regular expression of the tests that run
	at     string   // "file.go:12" or "file.go", separated by commas: only these mutants
	min    int      // percentage of mutants that tests must kill
	dir    string   // for binaries and the overlay
	out    io.Writer
}

// say prints a part of the report.
func (o *options) say(format string, args ...any) {
	_, _ = fmt.Fprintf(o.out, format, args...) // nobody is left to tell
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run measures each package of the arguments and reports whether all of them reach the minimum.
func run(ctx context.Context, args []string) (ok bool, err error) {
	o := options{out: os.Stdout}
	var tests string
	flags := flag.NewFlagSet("mutation", flag.ContinueOnError)
	flags.IntVar(&o.sample, "sample", 60, "Number of mutants to test per package, chosen by the seed (0 for all)")
	flags.Uint64Var(&o.seed, "seed", 1, "Seed of the sample")
	flags.StringVar(&o.part, "part", "", "Part of the sample to test, so that a long measurement can be split (2/3: the second third)")
	flags.StringVar(&o.only, "run", "^(Test|Fuzz|Example)", "Run only the tests whose name this regular expression matches")
	flags.IntVar(&o.min, "min", 90, "Percentage of mutants that the tests must kill")
	flags.StringVar(&o.at, "at", "", "Test only the mutants of these files or lines, for example dial.go:63,pool.go")
	flags.StringVar(&tests, "tests", "", "Comma-separated test packages (default: the package and those that import it, without test/)")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	if _, _, err := o.fraction(); err != nil {
		return false, err
	}
	if o.dir, err = os.MkdirTemp("", "carteiro-mutation-"); err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(o.dir) }()
	packages, err := listPackages(ctx)
	if err != nil {
		return false, err
	}
	ok = true
	for _, arg := range flags.Args() {
		o.pkg = importPath(arg)
		o.tests = testPackages(packages, o.pkg)
		if tests != "" {
			o.tests = nil
			for name := range strings.SplitSeq(tests, ",") {
				o.tests = append(o.tests, importPath(name))
			}
		}
		enough, err := measure(ctx, packages, &o)
		if err != nil {
			return false, fmt.Errorf("%s: %w", arg, err)
		}
		ok = ok && enough
	}
	return ok, nil
}

// measure tests the mutants of one package and prints what it finds.
func measure(ctx context.Context, packages map[string]*goPackage, o *options) (enough bool, err error) {
	p := packages[o.pkg]
	if p == nil {
		return false, errors.New("no such package")
	}
	h := &harness{options: o, target: p, packages: packages}
	if err := h.instrument(ctx); err != nil {
		return false, err
	}
	if err := h.record(ctx); err != nil {
		return false, err
	}
	chosen := o.partOf(choose(h.viable(), o))
	o.say("%s: %d mutants, testing %d (seed %d)\n", o.pkg, len(h.viable()), len(chosen), o.seed)
	var t tally
	for i, m := range chosen {
		verdict := h.try(ctx, m)
		if ctx.Err() != nil {
			o.say("… stopped after %d of %d: %s\n", i, len(chosen), t)
			return false, ctx.Err()
		}
		t[verdict]++
		if verdict != killed {
			o.say("%-11s %s\n", verdict, m)
		}
		if (i+1)%20 == 0 {
			o.say("… %d of %d: %s\n", i+1, len(chosen), t)
		}
	}
	o.say("%s: %s\n", o.pkg, t)
	return t.percent() >= float64(o.min), nil
}

// fraction parses the part: number of count.
func (o *options) fraction() (number, count int, err error) {
	if o.part == "" {
		return 1, 1, nil
	}
	if n, err := fmt.Sscanf(o.part, "%d/%d", &number, &count); err != nil || n != 2 || number < 1 || number > count {
		return 0, 0, fmt.Errorf("-part %s: want a number and a count, such as 2/3", o.part)
	}
	return number, count, nil
}

// partOf returns the part of the mutants that the options name. All parts together are all mutants.
func (o *options) partOf(all []*mutant) []*mutant {
	number, count, err := o.fraction()
	if err != nil {
		return nil
	}
	return all[len(all)*(number-1)/count : len(all)*number/count]
}

// choose returns a random sample of the mutants, in the order of the source.
func choose(all []*mutant, o *options) []*mutant {
	if o.at != "" {
		return slices.DeleteFunc(all, func(m *mutant) bool {
			name, places := filepath.Base(m.file), strings.Split(o.at, ",")
			return !slices.Contains(places, name) && !slices.Contains(places, fmt.Sprintf("%s:%d", name, m.line))
		})
	}
	if o.sample == 0 || o.sample >= len(all) {
		return all
	}
	random := rand.New(rand.NewPCG(o.seed, 0)) //nolint:gosec // a sample that anybody can repeat
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:o.sample]
	slices.SortFunc(all, func(a, b *mutant) int { return a.id - b.id })
	return all
}

// A verdict is what the tests make of a mutant.
type verdict int

const (
	killed    verdict = iota
	hung              // killed, but only by the timeout of its tests
	survived          // all tests that reach it pass
	uncovered         // no test reaches it
	verdicts
)

func (v verdict) String() string {
	return [verdicts]string{"killed", "HUNG", "SURVIVED", "NOT COVERED"}[v]
}

// tally counts mutants by verdict.
type tally [verdicts]int

func (t tally) percent() float64 {
	total := 0
	for _, n := range t {
		total += n
	}
	if total == 0 {
		return 100
	}
	return 100 * float64(t[killed]+t[hung]) / float64(total)
}

func (t tally) String() string {
	return fmt.Sprintf("%.1f %% killed (%d killed, %d of them by timeout, %d survived, %d not covered)",
		t.percent(), t[killed]+t[hung], t[hung], t[survived], t[uncovered])
}
