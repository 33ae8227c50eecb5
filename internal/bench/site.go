package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/store"
)

// site is the database that is measured, with an environment in it.
type site struct {
	url         string
	folder      string // a temporary one that goes with the site; empty when the database is the user's
	environment carteiro.ID
	token       string
}

// environmentName is that of the environment which a benchmark makes.
const environmentName = "carteiro bench"

// ErrNotEmpty says that a database is in use: what is measured must not be mixed with what others need.
var ErrNotEmpty = errors.New("the database is not empty; name one that is")

// newSite makes an environment in a temporary database, or in the one that url names. It fails with [ErrNotEmpty] when
// there is anything in that.
func newSite(ctx context.Context, url string) (*site, error) {
	s := &site{url: url, token: carteiro.NewTokenSecret()}
	if url == "" {
		folder, err := os.MkdirTemp("", "carteiro-bench-")
		if err != nil {
			return nil, err
		}
		s.folder, s.url = folder, "sqlite:"+folder+"/carteiro.db"
	}
	now, ids := time.Now(), new(carteiro.IDSource)
	s.environment = ids.New(now)
	err := s.with(ctx, func(db store.Store) error {
		there, err := db.ListEnvironments(ctx)
		if err != nil {
			return err
		}
		if len(there) > 0 {
			return ErrNotEmpty
		}
		return db.CreateEnvironment(ctx, store.CreateEnvironment{
			Environment: carteiro.Environment{ID: s.environment, Name: environmentName, CreatedAt: now},
			Token:       carteiro.Token{ID: ids.New(now), EnvironmentID: s.environment, Hash: carteiro.HashToken(s.token), CreatedAt: now, Scopes: carteiro.ScopeAll},
		})
	})
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// knownSite takes up a database that an earlier benchmark has left, and nothing else.
func knownSite(ctx context.Context, url string) (*site, error) {
	s := &site{url: url, token: carteiro.NewTokenSecret()}
	err := s.with(ctx, func(db store.Store) error {
		there, err := db.ListEnvironments(ctx)
		if err != nil {
			return err
		}
		if len(there) != 1 || there[0].Name != environmentName {
			return fmt.Errorf("%s was not filled by a benchmark", url)
		}
		s.environment = there[0].ID
		now := time.Now()
		return db.RotateToken(ctx, store.RotateToken{OldEndsAt: now, Token: carteiro.Token{
			ID: new(carteiro.IDSource).New(now), EnvironmentID: s.environment, Hash: carteiro.HashToken(s.token), CreatedAt: now, Scopes: carteiro.ScopeAll,
		}})
	})
	return s, err
}

// with does something with the database while no server runs on it.
func (s *site) with(ctx context.Context, do func(store.Store) error) error {
	db, err := app.OpenStore(ctx, config.Database{Database: s.url}, app.Exclusive, nil)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

// bytes is what the database takes on disk, its log included. It is 0 when that is not a file of this machine's.
func (s *site) bytes() (n int64) {
	file, err := config.Database{Database: s.url}.SQLiteFile()
	if err != nil {
		return 0
	}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(file + suffix); err == nil {
			n += info.Size()
		}
	}
	return n
}

// remove deletes a temporary database.
func (s *site) remove() {
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

// putAgent registers an agent straight in the store.
func (s *site) putAgent(ctx context.Context, db store.Store, id carteiro.ID, now time.Time) (store.OwnerRef, error) {
	agent := store.OwnerRef{EnvironmentID: s.environment, Kind: carteiro.OwnerAgent, ID: id}
	_, _, err := db.PutOwner(ctx, store.PutOwner{Owner: carteiro.Owner{
		Kind: agent.Kind, ID: agent.ID, EnvironmentID: agent.EnvironmentID, Name: "bench", CreatedAt: now, UpdatedAt: now,
	}})
	return agent, err
}

// webhook is one of an agent's, for the events that benchmarks publish.
func webhook(id carteiro.ID, agent store.OwnerRef, url string, now time.Time) *carteiro.Webhook {
	return &carteiro.Webhook{
		ID: id, EnvironmentID: agent.EnvironmentID, OwnerKind: agent.Kind, OwnerID: agent.ID, Name: "bench", URL: url,
		Events: []string{publishedType}, Timeout: carteiro.DefaultTimeout, MaxRetries: 0, Enabled: true,
		HTTPMethod: carteiro.DefaultHTTPMethod, AuthorizationScheme: carteiro.AuthorizationNone,
		Secret: secret, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
}

// publishedType is the type of the events that are published.
const publishedType = "event_phone_call_ended"

// secret signs what is delivered.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // an example's, and nothing is kept by it
