package storetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

func (m *model) hasEnvironment(id carteiro.ID) bool {
	return slices.ContainsFunc(m.environments, func(e carteiro.Environment) bool { return e.ID == id && e.DeletedAt.IsZero() })
}

func (m *model) RenameEnvironment(_ context.Context, p store.RenameEnvironment) (carteiro.Environment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.environments {
		if e := &m.environments[i]; e.ID == p.ID && e.DeletedAt.IsZero() {
			e.Name = p.Name
			own := e.Owner()
			m.owners[store.OwnerRef{EnvironmentID: own.EnvironmentID, Kind: own.Kind, ID: own.ID}] = own
			return *e, nil
		}
	}
	return carteiro.Environment{}, store.ErrNotFound
}

func (m *model) CreateToken(_ context.Context, p store.CreateToken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hasEnvironment(p.Token.EnvironmentID) {
		return store.ErrNotFound
	}
	if err := m.mustBeFree(p.Key, p.Token.CreatedAt); err != nil {
		return err
	}
	m.keep(p.Key)
	return m.addToken(p.Token)
}

func (m *model) ListTokens(_ context.Context, p store.ListTokens) (tokens []carteiro.Token, total int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, token := range m.tokens {
		if token.EnvironmentID == p.EnvironmentID && !token.Session {
			token.Hash = carteiro.TokenHash{}
			tokens = append(tokens, token)
		}
	}
	slices.SortFunc(tokens, func(a, b carteiro.Token) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), compareIDs(a.ID, b.ID))
	})
	total = len(tokens)
	tokens = tokens[min(p.Offset, total):]
	return tokens[:min(p.Limit, len(tokens))], total, nil
}

// token gives one that is no session.
func (m *model) token(ref store.TokenRef) (*carteiro.Token, error) {
	for i := range m.tokens {
		if t := &m.tokens[i]; t.ID == ref.ID && t.EnvironmentID == ref.EnvironmentID && !t.Session {
			return t, nil
		}
	}
	return nil, store.ErrNotFound
}

// sharesFate says whether a token ends with the one that is named.
func sharesFate(t *carteiro.Token, ref store.TokenRef) bool {
	return t.EnvironmentID == ref.EnvironmentID && (t.ID == ref.ID || t.ParentID == ref.ID || t.Session && t.ParentID.IsZero())
}

func (m *model) RevokeToken(_ context.Context, p store.RevokeToken) (carteiro.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, err := m.token(p.TokenRef)
	if err != nil {
		return carteiro.Token{}, err
	}
	token := *found
	m.tokens = slices.DeleteFunc(m.tokens, func(t carteiro.Token) bool { return sharesFate(&t, p.TokenRef) })
	return token, nil
}

func (m *model) ReplaceToken(_ context.Context, p store.ReplaceToken) (carteiro.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.token(p.TokenRef)
	if err != nil {
		return carteiro.Token{}, err
	}
	if err := p.Check(old); err != nil {
		return carteiro.Token{}, err
	}
	token := p.Replace(old)
	if err := m.addToken(token); err != nil {
		return token, err
	}
	for i := range m.tokens {
		if t := &m.tokens[i]; t.ID != token.ID && sharesFate(t, p.TokenRef) && !t.Expired(p.OldEndsAt) {
			t.ExpiresAt = p.OldEndsAt
		}
	}
	old, _ = m.token(p.TokenRef) // adding one may have moved it
	old.ReplacedBy = token.ID
	return token, nil
}

func (m *model) NoteTokenUse(_ context.Context, uses []store.TokenUse) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, use := range uses {
		for i := range m.tokens {
			if t := &m.tokens[i]; t.ID == use.ID && t.LastUsedAt.Before(use.At) {
				t.LastUsedAt = use.At
			}
		}
	}
	return nil
}

func (m *model) RotateToken(_ context.Context, p store.RotateToken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hasEnvironment(p.Token.EnvironmentID) {
		return store.ErrNotFound
	}
	if err := m.addToken(p.Token); err != nil {
		return err
	}
	for i := range m.tokens {
		old := &m.tokens[i]
		if old.EnvironmentID == p.Token.EnvironmentID && old.ID != p.Token.ID && !old.Expired(p.OldEndsAt) {
			old.ExpiresAt = p.OldEndsAt
		}
		if old.EnvironmentID == p.Token.EnvironmentID && old.ID != p.Token.ID && !old.Session && old.ReplacedBy.IsZero() {
			old.ReplacedBy = p.Token.ID
		}
	}
	return nil
}

func (m *model) FindToken(_ context.Context, hash carteiro.TokenHash) (carteiro.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, token := range m.tokens {
		if token.Hash == hash {
			return token, nil
		}
	}
	return carteiro.Token{}, store.ErrNotFound
}

func (m *model) DeriveToken(_ context.Context, p store.DeriveToken) (carteiro.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.tokens {
		if from := &m.tokens[i]; from.Hash == p.From && !from.Expired(p.Now) {
			token := p.Derive(from)
			return token, m.addToken(token)
		}
	}
	return carteiro.Token{}, store.ErrNotFound
}

func (m *model) ForgetToken(_ context.Context, hash carteiro.TokenHash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens = slices.DeleteFunc(m.tokens, func(t carteiro.Token) bool { return t.Session && t.Hash == hash })
	return nil
}
