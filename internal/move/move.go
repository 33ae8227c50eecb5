// Package move carries everything from one database to another, page by page, so that it can be stopped anywhere and gone
// on with, and compares both sides to the last bit before the target may be used.
package move

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carteiro/carteiro/internal/store"
)

// Bounds of a page: large enough that a commit costs little of it, small enough for memory.
const (
	pageLimit = 1000
	pageBytes = 8 << 20
)

// ErrDiffer says that source and target do not hold the same.
var ErrDiffer = errors.New("source and target differ")

// Move is a copy of everything from one database into another. No server may run on either.
type Move struct {
	From, To store.Movable
	// Source is what the source is called, without secrets. A copy that was stopped is gone on with under the same name.
	Source string
	// Progress is told how far each stage has come, in things of so many; one call at a time. Nil is told nothing.
	Progress func(stage Stage, done, total int)

	limit int // things a page; 0 is pageLimit
}

// Stage is a part of the work.
type Stage string

// The stages, in their order.
const (
	StageCopy    Stage = "copying"
	StageCompare Stage = "comparing"
)

// Report is what was found to be the same on both sides.
type Report struct {
	Sections []SectionReport `json:"sections"`
	// Resumed is how many things an earlier run had copied already.
	Resumed int           `json:"resumed"`
	Took    time.Duration `json:"took_ns"`
}

// SectionReport is a kind of thing, on both sides.
type SectionReport struct {
	Name     string `json:"name"`
	Count    int    `json:"count"`
	Checksum string `json:"sha256"`
}

// Run copies what is not in the target yet, and compares. Stopped by ctx or a fault it can be run again, and goes on. It
// fails with [store.ErrConflict] when the target is neither empty nor the part of this copy that is done, and with
// [ErrDiffer] when both sides turn out to differ; the target stays marked as unfinished then.
func (m Move) Run(ctx context.Context) (*Report, error) {
	began := time.Now()
	reached, err := m.To.BeginImport(ctx, m.Source)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	there, err := m.To.Count(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := m.From.Count(ctx)
	if err != nil {
		return nil, err
	}
	report := &Report{Resumed: sum(there)}
	progress := m.stage(StageCopy, report.Resumed, sum(counts))
	if err := m.copy(ctx, reached, progress); err != nil {
		return nil, err
	}
	if report.Sections, err = m.compare(ctx, m.stage(StageCompare, 0, 2*sum(counts))); err != nil {
		return nil, err
	}
	if err := m.To.EndImport(ctx); err != nil {
		return nil, fmt.Errorf("end: %w", err)
	}
	report.Took = time.Since(began)
	return report, nil
}

func sum(counts [store.Sections]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// stage gives a function that is told how much more is done.
func (m Move) stage(stage Stage, done, total int) func(more int) {
	var mu sync.Mutex
	return func(more int) {
		mu.Lock()
		defer mu.Unlock()
		if done += more; m.Progress != nil {
			m.Progress(stage, done, max(done, total))
		}
	}
}

// copy stores page after page, while the next one is read.
func (m Move) copy(ctx context.Context, reached store.Cursor, progress func(int)) error {
	progress(0)
	group, ctx := errgroup.WithContext(ctx)
	pages := make(chan store.Page, 1)
	group.Go(func() error {
		defer close(pages)
		return m.each(ctx, m.From, reached, func(page store.Page) error {
			select {
			case pages <- page:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error {
		for page := range pages {
			if err := m.To.Import(ctx, &page); err != nil {
				return fmt.Errorf("store %s: %w", page.From.Section, err)
			}
			progress(page.Len())
		}
		return nil
	})
	return group.Wait()
}

// each calls do with every page behind a cursor.
func (m Move) each(ctx context.Context, from store.Movable, cursor store.Cursor, do func(store.Page) error) error {
	for !cursor.Done() {
		page, err := from.Export(ctx, store.Export{From: cursor, Limit: cmp.Or(m.limit, pageLimit), MaxBytes: pageBytes})
		if err != nil {
			return fmt.Errorf("read %s: %w", cursor.Section, err)
		}
		if err := do(page); err != nil {
			return err
		}
		cursor = page.Next
	}
	return nil
}

// compare reads both sides from beginning to end.
func (m Move) compare(ctx context.Context, progress func(int)) ([]SectionReport, error) {
	progress(0)
	sides := [2]*[store.Sections]digest{newDigests(), newDigests()}
	group, inner := errgroup.WithContext(ctx)
	for i, side := range []store.Movable{m.From, m.To} {
		group.Go(func() error {
			return m.each(inner, side, store.Cursor{}, func(page store.Page) error {
				sides[i][page.From.Section].add(&page)
				progress(page.Len())
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var reports []SectionReport
	for section := range store.Sections {
		source, target := &sides[0][section], &sides[1][section]
		if source.String() != target.String() {
			return nil, fmt.Errorf("%w: %s: %d with checksum %s in the source, %d with %s in the target",
				ErrDiffer, section, source.count, source, target.count, target)
		}
		reports = append(reports, SectionReport{Name: section.String(), Count: source.count, Checksum: source.String()})
	}
	return reports, nil
}
