package directory

import (
	"context"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
)

// Token looks a token up, expired ones included, and takes down that it is used. It fails with [store.ErrNotFound].
func (d *Directory) Token(ctx context.Context, hash carteiro.TokenHash) (carteiro.Token, error) {
	return lookUp(ctx, d, &d.tokens, hash, true, func() (carteiro.Token, error) {
		token, err := d.store.FindToken(ctx, hash)
		if err == nil {
			d.noteUse(&token, time.Now())
		}
		return token, err
	})
}

// noteUse takes down that a token is used, and for a session the token that it comes from. It is called when a token is
// read from the store: once a second for one that is in use, and so for nothing where requests come by the thousand.
func (d *Directory) noteUse(token *carteiro.Token, now time.Time) {
	if token.Expired(now) {
		return
	}
	used := token.ID
	if !token.ParentID.IsZero() {
		used = token.ParentID
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uses[used] = now
}

// storeUsesEvery is how often it is stored when tokens were last used, and so how much of that a crash may lose.
const storeUsesEvery = time.Minute

// Run stores now and then, and when ctx ends, when tokens were last used. What cannot be stored is left out: of a token
// that is in use it is known again a second later.
func (d *Directory) Run(ctx context.Context) {
	ticker := time.NewTicker(storeUsesEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
		d.storeUses(context.WithoutCancel(ctx))
	}
}

// storeTimeout bounds the storing, which must not hold up a server that stops.
const storeTimeout = 5 * time.Second

func (d *Directory) storeUses(ctx context.Context) {
	d.mu.Lock()
	uses := make([]store.TokenUse, 0, len(d.uses))
	for id, at := range d.uses {
		uses = append(uses, store.TokenUse{ID: id, At: at})
	}
	clear(d.uses)
	d.mu.Unlock()
	if len(uses) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_ = d.store.NoteTokenUse(ctx, uses) // see Run
}

// DeriveToken is [store.Tokens.DeriveToken].
func (d *Directory) DeriveToken(ctx context.Context, p store.DeriveToken) (carteiro.Token, error) {
	return d.store.DeriveToken(ctx, p)
}

// ForgetToken is [store.Tokens.ForgetToken]. On this node the token opens nothing any more once it returns.
func (d *Directory) ForgetToken(ctx context.Context, hash carteiro.TokenHash) error {
	err := d.store.ForgetToken(ctx, hash)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	drop(d, &d.tokens, hash)
	return err
}

// RevokeToken is [store.Tokens.RevokeToken]. On this node the token and its sessions open nothing any more once it
// returns, on others within [Freshness].
func (d *Directory) RevokeToken(ctx context.Context, p store.RevokeToken) (carteiro.Token, error) {
	token, err := d.store.RevokeToken(ctx, p)
	d.forgetTokens()
	return token, err
}

// ReplaceToken is [store.Tokens.ReplaceToken]. On this node the end of the old one holds once it returns, on others
// within [Freshness].
func (d *Directory) ReplaceToken(ctx context.Context, p store.ReplaceToken) (carteiro.Token, error) {
	token, err := d.store.ReplaceToken(ctx, p)
	d.forgetTokens()
	return token, err
}

// forgetTokens drops what is cached of all tokens: it is rare, and which sessions come from one is not known here.
func (d *Directory) forgetTokens() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	dropAll(d, &d.tokens)
}
