package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/carteiro/carteiro/internal/app"
	"github.com/carteiro/carteiro/internal/config"
	"github.com/carteiro/carteiro/internal/jobs"
	"github.com/carteiro/carteiro/internal/seal"
	"github.com/carteiro/carteiro/internal/store"
)

type secretsCommand struct {
	Key    secretsKey    `cmd:"" help:"Print a new encryption key."`
	Status secretsStatus `cmd:"" help:"Show which keys encrypt the webhooks' secrets."`
	Rotate secretsRotate `cmd:"" help:"Encrypt all secrets with the first key (safe while servers are running)."`

	Decrypt secretsDecrypt `cmd:"" help:"Decrypt all secrets, to stop using encryption (safe while servers are running)."`
}

type secretsKey struct{}

// Help says more than fits a line.
func (secretsKey) Help() string {
	return `A key is 32 random bytes in base64. Keep it apart from the database and its backups: without it their secrets cannot
be read, and with it they can.

	(umask 077; carteiro secrets key >> /etc/carteiro/keys)`
}

// Run prints a key.
func (secretsKey) Run() error {
	_, err := fmt.Println(seal.NewKey())
	return err
}

type secretsStatus struct {
	config.Database
	config.Encryption
	JSON bool `help:"Print a JSON array of {\"key\",\"webhooks\",\"use\"}." env:"-"`
}

// Help says more than fits a line.
func (*secretsStatus) Help() string {
	return `Names each key that secrets are encrypted with, the number of webhooks whose secrets those are, and what the key is to
the keys that are set: "encrypts" is the first, "decrypts" another one, "missing" is one without which no server starts.
"none" are secrets that are not encrypted. A key that is not listed, or has no webhooks, can be removed. The exit code is 1
if a key is missing.

	carteiro secrets status`
}

// keyUse is a line of the status.
type keyUse struct {
	Key      string `json:"key"`
	Webhooks int    `json:"webhooks"`
	Use      string `json:"use"`
}

// Run prints the keys in use.
func (c *secretsStatus) Run(ctx context.Context) error {
	keys, err := c.Keys()
	if err != nil {
		return err
	}
	return withKeys(ctx, c.Database, keys, func(s store.Store) error {
		used, err := s.SecretKeys(ctx)
		if err != nil {
			return err
		}
		lines := usesOf(used, keys)
		if err := c.print(lines); err != nil {
			return err
		}
		return missingKeys(lines)
	})
}

// errMissingKey is why secrets status fails although it printed the status.
var errMissingKey = errors.New("some secrets are encrypted with a key that is not set; servers do not start without it")

func missingKeys(lines []keyUse) error {
	for _, l := range lines {
		if l.Use == keyMissing && l.Webhooks > 0 {
			return errMissingKey
		}
	}
	return nil
}

func (c *secretsStatus) print(lines []keyUse) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(lines)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "KEY\tWEBHOOKS\tUSE")
	for _, l := range lines {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\n", l.Key, l.Webhooks, l.Use)
	}
	return table.Flush()
}

// keyMissing is the use of a key that is not set although secrets are encrypted with it.
const keyMissing = "missing"

// usesOf lists the first key and every one that is in use.
func usesOf(used []store.SecretKey, keys *seal.Keyring) []keyUse {
	lines := []keyUse{}
	if keys.First() != "" {
		lines = append(lines, keyUse{Key: keys.First(), Use: "encrypts"})
	}
	for _, k := range used {
		switch {
		case k.Name == "":
			lines = append(lines, keyUse{"none", k.Webhooks, "open"})
		case k.Name == keys.First():
			lines[0].Webhooks = k.Webhooks
		case keys.Has(k.Name):
			lines = append(lines, keyUse{k.Name, k.Webhooks, "decrypts"})
		default:
			lines = append(lines, keyUse{k.Name, k.Webhooks, keyMissing})
		}
	}
	return lines
}

type secretsRotate struct {
	config.Database
	config.Encryption
}

// Help says more than fits a line.
func (*secretsRotate) Help() string {
	return `A server does this by itself when it starts; this does it without a restart, or again. Every server that runs must have the
first key already, or it cannot read what is encrypted here. To change the key:

	1. put the new key behind the old one, and restart every server: all can read it now
	2. put the new key first, and restart every server: each encrypts with it what there is
	3. carteiro secrets status: when the old key has no webhooks any more, take it away

Backups that were made before need the old key: keep it with them.`
}

// Run encrypts everything with the first key.
func (c *secretsRotate) Run(ctx context.Context) error {
	keys, err := c.Keys()
	if err != nil {
		return err
	}
	if keys.First() == "" {
		return usageError("there is no key that encrypts: set CARTEIRO_ENCRYPTION_KEY or --encryption-key-file (carteiro secrets key makes one)")
	}
	return withKeys(ctx, c.Database, keys, func(s store.Store) error {
		if err := app.CheckKeys(ctx, s, keys); err != nil {
			return err
		}
		n, err := jobs.Reseal(ctx, s, keys.First())
		if err != nil {
			return err
		}
		_, err = fmt.Printf("secrets of %d webhooks encrypted with the key %s\n", n, keys.First())
		return err
	})
}

type secretsDecrypt struct {
	config.Database
	config.Encryption
	Yes bool `help:"Confirm decryption: anyone with the database or a backup can then read the secrets." env:"-"`
}

// Help says more than fits a line.
func (*secretsDecrypt) Help() string {
	return `Turns encryption off again. A server that has a key encrypts with it whatever is stored, so servers go first:

	1. put the word "none" before the keys, and restart every server: they encrypt nothing more, and can read it all
	2. carteiro secrets decrypt --yes
	3. carteiro secrets status: when "none" alone has webhooks, take the keys away and restart every server

Backups that were made before need the key: keep it with them.`
}

// Run decrypts everything.
func (c *secretsDecrypt) Run(ctx context.Context) error {
	keys, err := c.Keys()
	switch {
	case err != nil:
		return err
	case keys == nil:
		return usageError("there is no key: what is encrypted needs the one that it is encrypted with (CARTEIRO_ENCRYPTION_KEY or --encryption-key-file)")
	case !c.Yes:
		return usageError("this leaves all secrets open in the database, for whoever has it or a backup of it: say --yes if that is meant")
	}
	return withKeys(ctx, c.Database, keys.Opening(), func(s store.Store) error {
		if err := app.CheckKeys(ctx, s, keys); err != nil {
			return err
		}
		n, err := jobs.Unseal(ctx, s)
		if err != nil {
			return err
		}
		_, err = fmt.Printf("secrets of %d webhooks decrypted\n", n)
		if err == nil && keys.First() != "" {
			_, err = fmt.Fprintf(os.Stderr, "servers with the key %s in the first place go on encrypting what is stored: put the word none before it, and restart them\n", keys.First())
		}
		return err
	})
}

// withKeys calls do with the existing database, which may have running servers, and the keys that decrypt its secrets.
func withKeys(ctx context.Context, d config.Database, keys *seal.Keyring, do func(store.Store) error) error {
	return using(ctx, d, app.Existing, keys, do)
}

func using(ctx context.Context, d config.Database, use app.Use, keys *seal.Keyring, do func(store.Store) error) error {
	s, err := app.OpenStore(ctx, d, use, keys)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}
