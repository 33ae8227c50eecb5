package layout

import (
	"cmp"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// AuditQueries are the queries that make a page of the audit log. All of them read one snapshot and one environment, or all
// environments.
type AuditQueries interface {
	// ScanAudit skips the newest entries of a span, matching or not, and returns the ids of the next two.
	ScanAudit(in Span, skip int) ([]carteiro.ID, error)
	// CountAudit returns how many entries of a span match.
	CountAudit(in Span) (int, error)
	// FindAudit returns the ids of matching entries of a span, newest first.
	FindAudit(in Span, limit, offset int) ([]carteiro.ID, error)
}

// AuditPage makes a page. It never reads more than MaxScan entries of a span, however few of them match.
func AuditPage(p *store.ListAudit, q AuditQueries) (page store.AuditPage, err error) {
	scan, all := cmp.Or(p.MaxScan, store.MaxAuditScan), SpanOf(p.From, p.To)
	scanned, older, err := newestAudit(q, all, scan)
	if err != nil {
		return page, err
	}
	page.TotalIsLowerBound = older
	if page.Total, err = q.CountAudit(scanned); err != nil {
		return page, err
	}
	if !p.Before.IsZero() && Less(p.Before, all.To) {
		all.To = p.Before
		if scanned, older, err = newestAudit(q, all, scan); err != nil {
			return page, err
		}
	}
	page.IDs, err = q.FindAudit(scanned, p.Limit+1, p.Offset)
	switch {
	case len(page.IDs) > p.Limit:
		page.IDs = page.IDs[:p.Limit]
		page.Next = page.IDs[p.Limit-1]
	case older:
		page.Next = scanned.From
	}
	return page, err
}

// newestAudit returns the part of a span that holds its newest entries, and whether there are older ones.
func newestAudit(q AuditQueries, in Span, scan int) (newest Span, older bool, err error) {
	ids, err := q.ScanAudit(in, scan-1)
	if older = len(ids) > 1; older {
		in.From = ids[0]
	}
	return in, older, err
}
