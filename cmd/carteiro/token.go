package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/store"
)

type tokenCommand struct {
	Create tokenCreate `cmd:"" help:"Create a token and print it once."`
	List   tokenList   `cmd:"" help:"List the tokens of an environment."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token and its sessions immediately."`
	Rotate tokenRotate `cmd:"" help:"Replace a token with a new one, printed once."`
}

// ofEnvironment is where the tokens are that a command is about.
type ofEnvironment struct {
	config.Database
	Environment string `arg:"" help:"Environment id, or its name if it is unique."`
}

// in does something with the environment.
func (o *ofEnvironment) in(ctx context.Context, do func(store.Store, carteiro.Environment) error) error {
	return withStore(ctx, o.Database, func(s store.Store) error {
		environment, err := findEnvironment(ctx, s, o.Environment)
		if err != nil {
			return err
		}
		return do(s, environment)
	})
}

type tokenCreate struct {
	ofEnvironment
	Name    string      `help:"Name, such as ci, crm or support." required:"" env:"-"`
	Scope   scopes      `help:"Scopes, separated by commas: read, webhooks, publish, retry, all." default:"all" env:"-" placeholder:"SCOPES"`
	Expires tokenExpiry `help:"Expiry: a time such as 2027-01-31T00:00:00Z, a date (UTC), or a duration such as 720h (default: never)." env:"-" placeholder:"WHEN"`
	tokenOutput
}

// Help says more than fits a line.
func (*tokenCreate) Help() string {
	return `read sees everything in the environment, webhooks creates, changes, tests and deletes agents, campaigns and webhooks,
publish puts events in, retry sends again, and all is all of these. Scopes do not include each other. What a token may
do is not changed later: make another. Only a hash of it is kept. Works while a server runs on the same database.

	carteiro token create production --name ci --scope publish --expires 2160h
	carteiro token create production --name support --scope read,retry`
}

// Run creates the token.
func (c *tokenCreate) Run(ctx context.Context) error {
	if err := checkName(c.Name); err != nil {
		return usageError("--name: %w", err)
	}
	return c.in(ctx, func(s store.Store, environment carteiro.Environment) error {
		now, ids := time.Now(), new(carteiro.IDSource)
		token, secret := newToken(ids, environment.ID, now)
		token.Name, token.Scopes, token.ExpiresAt = c.Name, carteiro.Scopes(c.Scope), time.Time(c.Expires)
		if err := s.CreateToken(ctx, store.CreateToken{Token: token, Audit: auditToken(ids, carteiro.TokenCreated, &token, now)}); err != nil {
			return err
		}
		return c.printToken(environment, &token, secret)
	})
}

// scopes are written as "read,retry".
type scopes carteiro.Scopes

// UnmarshalText implements encoding.TextUnmarshaler. A repeated flag adds to the set. It fails with carteiro.ErrScope.
func (s *scopes) UnmarshalText(text []byte) error {
	set, err := carteiro.ParseScopes(strings.Split(string(text), ",")...)
	*s |= scopes(set)
	return err
}

// tokenExpiry is a time that lies ahead.
type tokenExpiry time.Time

var errExpiry = errors.New("must be a time that is still to come: 2027-01-31T00:00:00Z, 2027-01-31, or 720h from now on")

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *tokenExpiry) UnmarshalText(text []byte) error {
	now := time.Now()
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		at, err = time.Parse(time.DateOnly, string(text))
	}
	if err != nil {
		var life time.Duration
		if life, err = time.ParseDuration(string(text)); err == nil {
			at = now.Add(life)
		}
	}
	if err != nil || !at.After(now) {
		return errExpiry
	}
	*e = tokenExpiry(at.UTC())
	return nil
}

type tokenList struct {
	ofEnvironment
	JSON bool `help:"Print a JSON array of {\"id\",\"name\",\"scopes\",\"created_at\",\"expires_at\",\"last_used_at\"}." env:"-"`
}

// tokensAPage is how many tokens are read at once.
const tokensAPage = 1000

// Run lists the tokens.
func (c *tokenList) Run(ctx context.Context) error {
	return c.in(ctx, func(s store.Store, environment carteiro.Environment) error {
		tokens, err := allTokens(ctx, s, environment.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printTokensJSON(os.Stdout, tokens)
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tLAST USED")
		for i := range tokens {
			t := &tokens[i]
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, shown(t.Name), t.Scopes, t.CreatedAt.Format(time.RFC3339),
				timeOr(t.ExpiresAt, "never"), timeOr(t.LastUsedAt, "never"))
		}
		return table.Flush()
	})
}

func allTokens(ctx context.Context, s store.Store, environment carteiro.ID) (all []carteiro.Token, err error) {
	for {
		page, total, err := s.ListTokens(ctx, store.ListTokens{EnvironmentID: environment, Limit: tokensAPage, Offset: len(all)})
		all = append(all, page...)
		if err != nil || len(page) == 0 || len(all) >= total {
			return all, err
		}
	}
}

func timeOr(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.Format(time.RFC3339)
}

func printTokensJSON(out io.Writer, tokens []carteiro.Token) error {
	type row struct {
		ID         carteiro.ID        `json:"id"`
		Name       string             `json:"name"`
		Scopes     []string           `json:"scopes"`
		CreatedAt  carteiro.Timestamp `json:"created_at"`
		ExpiresAt  carteiro.Timestamp `json:"expires_at,omitzero"`
		LastUsedAt carteiro.Timestamp `json:"last_used_at,omitzero"`
	}
	rows := make([]row, len(tokens))
	for i, t := range tokens {
		rows[i] = row{t.ID, t.Name, t.Scopes.Names(), carteiro.Timestamp(t.CreatedAt), carteiro.Timestamp(t.ExpiresAt), carteiro.Timestamp(t.LastUsedAt)}
	}
	return json.NewEncoder(out).Encode(rows)
}

// ofToken is the token that a command is about.
type ofToken struct {
	ofEnvironment
	Token string `arg:"" help:"Token id or name."`
}

// in does something with the token.
func (o *ofToken) in(ctx context.Context, do func(store.Store, carteiro.Environment, carteiro.Token) error) error {
	return o.ofEnvironment.in(ctx, func(s store.Store, environment carteiro.Environment) error {
		tokens, err := allTokens(ctx, s, environment.ID)
		if err != nil {
			return err
		}
		token, err := o.find(tokens, time.Now())
		if err != nil {
			return fmt.Errorf("environment %s: %w", environment.Name, err)
		}
		return do(s, environment, token)
	})
}

// find returns the token with the id or name. A name refers to the token that is valid and was not rotated.
func (o *ofToken) find(tokens []carteiro.Token, now time.Time) (token carteiro.Token, err error) {
	owners, named := 0, false
	for _, t := range tokens {
		switch {
		case t.ID.String() == o.Token:
			return t, nil
		case t.Owns(o.Token, now):
			token = t
			owners++
		case t.Name == o.Token:
			named = true
		}
	}
	switch {
	case owners == 1:
		return token, nil
	case owners > 1:
		return token, fmt.Errorf("%d tokens are called %q: name it by its id", owners, o.Token)
	case named:
		return token, fmt.Errorf("no valid token is called %q (carteiro token list shows the id of the one that has ended)", o.Token)
	default:
		return token, fmt.Errorf("there is no token %q (carteiro token list shows all)", o.Token)
	}
}

type tokenRevoke struct{ ofToken }

// Help says more than fits a line.
func (*tokenRevoke) Help() string {
	return `Works while a server runs on the same database, which notices within seconds.

	carteiro token revoke production ci`
}

// Run revokes the token.
func (c *tokenRevoke) Run(ctx context.Context) error {
	return c.in(ctx, func(s store.Store, environment carteiro.Environment, token carteiro.Token) error {
		_, err := s.RevokeToken(ctx, store.RevokeToken{
			TokenRef: store.TokenRef{EnvironmentID: environment.ID, ID: token.ID},
			Audit:    auditToken(new(carteiro.IDSource), carteiro.TokenRevoked, &token, time.Now()),
		})
		if err != nil {
			return err
		}
		fmt.Printf("token %s (%s) of environment %s is revoked\n", shown(token.Name), token.ID, shown(environment.Name))
		return nil
	})
}

type tokenRotate struct {
	ofToken
	Grace   time.Duration `help:"How long the old token remains valid." default:"0s" env:"-"`
	Expires tokenExpiry   `help:"Expiry of the new token, as for token create (default: that of the old token)." env:"-" placeholder:"WHEN"`
	tokenOutput
}

// Help says more than fits a line.
func (*tokenRotate) Help() string {
	return `The new token has the name and the scopes of the old one, which ends at once, or after --grace. Works while a server
runs on the same database, which notices within seconds.

	carteiro token rotate production ci --grace 1h`
}

// Run puts a new token in the place of the old one.
func (c *tokenRotate) Run(ctx context.Context) error {
	if c.Grace < 0 {
		return usageError("--grace must not be negative")
	}
	return c.in(ctx, func(s store.Store, environment carteiro.Environment, old carteiro.Token) error {
		now, ids := time.Now(), new(carteiro.IDSource)
		token, secret := newToken(ids, environment.ID, now)
		token.ExpiresAt = time.Time(c.Expires)
		token, err := s.ReplaceToken(ctx, store.ReplaceToken{
			TokenRef: store.TokenRef{EnvironmentID: environment.ID, ID: old.ID}, Token: token, Now: now, OldEndsAt: now.Add(c.Grace),
			Audit: auditToken(ids, carteiro.TokenRotated, &old, now),
		})
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("token %s has ended: carteiro token create makes another", old.Name)
		case errors.Is(err, store.ErrConflict):
			return fmt.Errorf("token %s has been rotated already: rotate %s", old.ID, old.ReplacedBy)
		}
		if err != nil {
			return err
		}
		return c.printToken(environment, &token, secret)
	})
}

func auditToken(ids *carteiro.IDSource, action carteiro.AuditAction, token *carteiro.Token, now time.Time) *carteiro.AuditEntry {
	subject := carteiro.Subject{Kind: carteiro.SubjectToken, ID: token.ID, Name: token.Name}
	e := auditEntry(ids, action, subject, token.EnvironmentID, now)
	if action == carteiro.TokenCreated {
		e.Changes = carteiro.TokenMade(token)
	}
	return e
}

// printToken prints a new token that is one of several.
func (o tokenOutput) printToken(e carteiro.Environment, token *carteiro.Token, secret string) error {
	switch {
	case o.JSON:
		return json.NewEncoder(os.Stdout).Encode(struct {
			ID        carteiro.ID        `json:"id"`
			Name      string             `json:"name"`
			Scopes    []string           `json:"scopes"`
			ExpiresAt carteiro.Timestamp `json:"expires_at,omitzero"`
			Token     string             `json:"token"`
		}{token.ID, token.Name, token.Scopes.Names(), carteiro.Timestamp(token.ExpiresAt), secret})
	case o.Quiet:
		fmt.Println(secret)
	default:
		fmt.Printf("environment %s (%s)\nname        %s (%s)\nscopes      %s\nexpires     %s\ntoken       %s\n\nKeep the token: it is not shown again.\n",
			shown(e.Name), e.ID, shown(token.Name), token.ID, token.Scopes, timeOr(token.ExpiresAt, "never"), secret)
	}
	return nil
}
