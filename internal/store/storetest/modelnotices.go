package storetest

import (
	"context"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// notice writes a notice, if its environment has webhooks of its own to be told by.
func (m *model) notice(n *carteiro.Notification) {
	if n == nil {
		return
	}
	w, found := m.webhooks[n.WebhookID]
	if !found || w.OwnerKind == carteiro.OwnerEnvironment {
		return
	}
	own := store.OwnerRef{EnvironmentID: w.EnvironmentID, Kind: carteiro.OwnerEnvironment, ID: w.EnvironmentID}
	for _, other := range m.webhooks {
		if ownerOf(&other) == own && !other.Deleted() {
			m.noticed++
			n.Seq = m.noticed
			n.EnvironmentID = w.EnvironmentID
			m.notices = append(m.notices, *n)
			return
		}
	}
}

func (m *model) ListNotices(_ context.Context, p store.ListNotices) (notices []carteiro.Notification, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.notices {
		if n.Seq > p.After {
			notices = append(notices, n)
		}
	}
	return window(notices, 0, p.Limit), nil
}

func (m *model) TellNotices(_ context.Context, p store.TellNotices) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := slices.Clone(m.notices)
	told := make([]bool, len(p.Tidings))
	var items []store.AcceptItem
	for i, tiding := range p.Tidings {
		at := slices.IndexFunc(left, func(n carteiro.Notification) bool { return n.Seq == tiding.Notice })
		if told[i] = at >= 0; !told[i] {
			break
		}
		left = slices.Delete(left, at, at+1)
		if tiding.Item != nil {
			items = append(items, *tiding.Item)
		}
	}
	if _, err := m.acceptAll(&store.Accept{Now: p.Now, Items: items}); err != nil {
		return nil, err
	}
	m.notices = left
	return told, nil
}
