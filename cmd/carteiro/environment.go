package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/store"
)

type environmentCommand struct {
	Create environmentCreate `cmd:"" help:"Create an environment and print its token once."`
	List   environmentList   `cmd:"" help:"List environments."`
	Delete environmentDelete `cmd:"" help:"Delete an environment; --force deletes everything in it."`
	Rotate environmentRotate `cmd:"" help:"Replace all tokens of an environment with a new one, printed once."`
}

type environmentCreate struct {
	config.Database
	Name string `arg:"" help:"Name, such as production or staging."`
	tokenOutput
}

// Help says more than fits a line.
func (*environmentCreate) Help() string {
	return `An environment is the wall between tenants, or between production and what is not: agents, campaigns,
webhooks and logs belong to one, and its token opens that one alone. Only a hash of the token is kept. Works while a
server runs on the same file.

	carteiro environment create production
	TOKEN=$(carteiro environment create staging --quiet)`
}

// Run creates the environment.
func (c *environmentCreate) Run(ctx context.Context) error {
	if err := checkName(c.Name); err != nil {
		return usageError("%w", err)
	}
	now, ids := time.Now(), new(carteiro.IDSource)
	environment := carteiro.Environment{ID: ids.New(now), Name: c.Name, CreatedAt: now}
	token, secret := newToken(ids, environment.ID, now)
	token.Name, token.Scopes = carteiro.DefaultTokenName, carteiro.ScopeAll
	return using(ctx, c.Database, app.Shared, nil, func(s store.Store) error {
		existing, err := s.ListEnvironments(ctx)
		if err != nil {
			return err
		}
		for i := range existing {
			if existing[i].Name == c.Name {
				return fmt.Errorf("environment %q exists already: carteiro token create makes another token for it", c.Name)
			}
		}
		err = s.CreateEnvironment(ctx, store.CreateEnvironment{
			Environment: environment, Token: token, Audit: auditEntry(ids, carteiro.EnvironmentCreated, carteiro.Subject{
				Kind: carteiro.SubjectEnvironment, ID: environment.ID, Name: environment.Name,
			}, environment.ID, now),
		})
		if err != nil {
			return err
		}
		return c.print(environment, secret)
	})
}

type environmentList struct {
	config.Database
	JSON bool `help:"Print a JSON array of {\"id\",\"name\",\"created_at\"}." env:"-"`
}

// Run lists the environments.
func (c *environmentList) Run(ctx context.Context) error {
	return withStore(ctx, c.Database, func(s store.Store) error {
		environments, err := s.ListEnvironments(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return printEnvironmentsJSON(environments)
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ID\tNAME\tCREATED")
		for _, e := range environments {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", e.ID, shown(e.Name), e.CreatedAt.Format(time.RFC3339))
		}
		return table.Flush()
	})
}

func printEnvironmentsJSON(environments []carteiro.Environment) error {
	type row struct {
		ID        carteiro.ID        `json:"id"`
		Name      string             `json:"name"`
		CreatedAt carteiro.Timestamp `json:"created_at"`
	}
	rows := make([]row, len(environments))
	for i, e := range environments {
		rows[i] = row{e.ID, e.Name, carteiro.Timestamp(e.CreatedAt)}
	}
	return json.NewEncoder(os.Stdout).Encode(rows)
}

type environmentRotate struct {
	config.Database
	Environment string        `arg:"" help:"Environment id, or its name if it is unique."`
	Grace       time.Duration `help:"How long the old tokens remain valid." default:"0s" env:"-"`
	tokenOutput
}

// Help says more than fits a line.
func (*environmentRotate) Help() string {
	return `All tokens that the environment has end at once, or after --grace, which gives time to hand the new one out;
"carteiro token rotate" ends one alone. The new one may do all. Works while a server runs on the same file, which notices
within seconds.

	carteiro environment rotate production --grace 1h`
}

// Run gives the environment a new token.
func (c *environmentRotate) Run(ctx context.Context) error {
	if c.Grace < 0 {
		return usageError("--grace must not be negative")
	}
	return withStore(ctx, c.Database, func(s store.Store) error {
		environment, err := findEnvironment(ctx, s, c.Environment)
		if err != nil {
			return err
		}
		now := time.Now()
		ids := new(carteiro.IDSource)
		token, secret := newToken(ids, environment.ID, now)
		token.Name, token.Scopes = carteiro.DefaultTokenName, carteiro.ScopeAll
		ends := now.Add(c.Grace)
		entry := auditEntry(ids, carteiro.EnvironmentRotated, carteiro.Subject{
			Kind: carteiro.SubjectEnvironment, ID: environment.ID, Name: environment.Name,
		}, environment.ID, now)
		entry.Changes = []carteiro.FieldChange{
			carteiro.NewFieldChange("token_id", nil, token.ID), carteiro.NewFieldChange("old_ends_at", nil, carteiro.AuditedTime(ends)),
		}
		if err := s.RotateToken(ctx, store.RotateToken{Token: token, OldEndsAt: ends, Audit: entry}); err != nil {
			return err
		}
		return c.print(environment, secret)
	})
}

type environmentDelete struct {
	config.Database
	Environment string `arg:"" help:"Environment id, or its name if it is unique."`
	Force       bool   `help:"Delete the environment even if it is in use, with everything in it." env:"-"`
}

// Help says more than fits a line.
func (*environmentDelete) Help() string {
	return `Tokens and sessions of the environment end at once, and its name is free. An environment that has an agent, a campaign,
a webhook or an event is only deleted with --force. Pending deliveries then end as failed, and a server that runs on the same
database, or the next one that starts, erases webhooks, secrets, events and logs. The audit log keeps its entries.

	carteiro environment delete staging --force`
}

// Run deletes the environment.
func (c *environmentDelete) Run(ctx context.Context) error {
	return withStore(ctx, c.Database, func(s store.Store) error {
		environment, err := findEnvironment(ctx, s, c.Environment)
		if err != nil {
			return err
		}
		now := time.Now()
		err = s.DeleteEnvironment(ctx, store.DeleteEnvironment{
			ID: environment.ID, Force: c.Force, Now: now, Audit: auditEntry(new(carteiro.IDSource), carteiro.EnvironmentDeleted, carteiro.Subject{
				Kind: carteiro.SubjectEnvironment, ID: environment.ID,
			}, environment.ID, now),
		})
		if errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("environment %q is in use: --force deletes it with everything in it", environment.Name)
		}
		if err != nil {
			return err
		}
		fmt.Printf("environment %s (%s) is deleted\n", shown(environment.Name), environment.ID)
		return nil
	})
}

func findEnvironment(ctx context.Context, s store.Store, idOrName string) (carteiro.Environment, error) {
	environments, err := s.ListEnvironments(ctx)
	if err != nil {
		return carteiro.Environment{}, err
	}
	var found []carteiro.Environment
	for _, e := range environments {
		if e.ID.String() == idOrName {
			return e, nil
		}
		if e.Name == idOrName {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return carteiro.Environment{}, fmt.Errorf("there is no environment %q: carteiro environment list shows them", idOrName)
	default:
		return carteiro.Environment{}, fmt.Errorf("%d environments are called %q: name it by its id", len(found), idOrName)
	}
}

// newToken makes a token, but for its name and scopes, and gives its secret.
func newToken(ids *carteiro.IDSource, environment carteiro.ID, now time.Time) (carteiro.Token, string) {
	secret := carteiro.NewTokenSecret()
	return carteiro.Token{
		ID: ids.New(now), EnvironmentID: environment, Hash: carteiro.HashToken(secret), CreatedAt: now,
	}, secret
}

// auditEntry is what the audit log says of a command: the user whose it is, as far as the system knows.
func auditEntry(
	ids *carteiro.IDSource, action carteiro.AuditAction, subject carteiro.Subject, environment carteiro.ID, now time.Time,
) *carteiro.AuditEntry {
	actor := carteiro.Actor{Kind: carteiro.ActorCLI}
	if who, err := user.Current(); err == nil {
		actor.Name = who.Username
	}
	return &carteiro.AuditEntry{ID: ids.New(now), EnvironmentID: environment, Actor: actor, Action: action, Subject: subject}
}

// tokenOutput is how a new token is printed.
type tokenOutput struct {
	JSON  bool `help:"Print {\"id\",\"name\",\"token\"}." env:"-" xor:"output"`
	Quiet bool `help:"Print only the token." env:"-" xor:"output"`
}

func (o tokenOutput) print(e carteiro.Environment, secret string) error {
	switch {
	case o.JSON:
		return json.NewEncoder(os.Stdout).Encode(struct {
			ID    carteiro.ID `json:"id"`
			Name  string      `json:"name"`
			Token string      `json:"token"`
		}{e.ID, e.Name, secret})
	case o.Quiet:
		fmt.Println(secret)
	default:
		fmt.Printf("environment %s (%s)\ntoken       %s\n\nKeep the token: it is not shown again.\n", shown(e.Name), e.ID, secret)
	}
	return nil
}

// withStore calls do with the existing database, which may have running servers. do cannot read the webhooks' secrets.
func withStore(ctx context.Context, d config.Database, do func(store.Store) error) error {
	return withKeys(ctx, d, nil, do)
}
