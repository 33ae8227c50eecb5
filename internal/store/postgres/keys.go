package postgres

import (
	"bytes"
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/store"
	"github.com/carteiro/carteiro/internal/store/layout"
)

const (
	// lockKeys takes the locks one by one in the order of their numbers, which all transactions keep to.
	lockKeys = `SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) AS k`
	findKeys = `SELECT environment_id, key, fingerprint, answer, expires_at FROM idempotency
		JOIN unnest($1::uuid[], $2::bytea[]) AS u (e, k) ON environment_id = e AND key = k`
	putKeys = `INSERT INTO idempotency (environment_id, key, fingerprint, answer, expires_at)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[])
		ON CONFLICT (environment_id, key) DO UPDATE
			SET fingerprint = excluded.fingerprint, answer = excluded.answer, expires_at = excluded.expires_at`
)

// keyring is the idempotency keys that a transaction speaks of. They are locked before they are looked up, so that of
// any number of nodes that are given one at once one is the first.
type keyring struct {
	wanted  []keyName
	stored  map[keyName]keyValue
	claimed map[keyName]keyValue
	// journal is what to do to undo the claims, in their order.
	journal []func()
}

type keyName struct {
	environment carteiro.ID
	key         string
}

type keyValue struct {
	fingerprint [32]byte
	answer      []byte
	expiresAt   time.Time
}

func newKeyring() *keyring {
	return &keyring{stored: make(map[keyName]keyValue), claimed: make(map[keyName]keyValue)}
}

// want says that a key will be claimed; nil is none.
func (r *keyring) want(key *store.Key) {
	if key != nil {
		r.wanted = append(r.wanted, keyName{key.EnvironmentID, key.Key})
	}
}

func (n keyName) compare(other keyName) int {
	return cmp.Or(layout.CompareIDs(n.environment, other.environment), cmp.Compare(n.key, other.key))
}

// lock is the number of the key's lock. Two keys may share one, which costs a wait.
func (n keyName) lock() int64 {
	h := fnv.New64a()
	_, _ = h.Write(n.environment[:]) // never fails
	_, _ = h.Write([]byte(n.key))
	return int64(h.Sum64()) //nolint:gosec // any number will do
}

// queueLookUp queues the locking and reading of the wanted keys.
func (r *keyring) queueLookUp(b *pgx.Batch) {
	if len(r.wanted) == 0 {
		return
	}
	slices.SortFunc(r.wanted, keyName.compare)
	r.wanted = slices.Compact(r.wanted)
	var (
		locks        ints
		environments ids
		keys         octets
	)
	for _, name := range r.wanted {
		locks, environments, keys = append(locks, name.lock()), append(environments, name.environment), append(keys, name.key)
	}
	slices.Sort(locks)
	b.Queue(lockKeys, locks)
	b.Queue(findKeys, environments, keys).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var name keyName
			var value keyValue
			var fingerprint []byte
			err := rows.Scan(toID(&name.environment), octet{&name.key}, &fingerprint, &value.answer, toTime(&value.expiresAt))
			if err != nil {
				return err
			}
			copy(value.fingerprint[:], fingerprint)
			r.stored[name] = value
		}
		return rows.Err()
	})
}

// before gives what a key gave before, nil when it is free.
func (r *keyring) before(key *store.Key, now time.Time) *store.Replay {
	if key == nil {
		return nil
	}
	name := keyName{key.EnvironmentID, key.Key}
	value, found := r.claimed[name]
	if !found {
		value, found = r.stored[name]
	}
	if !found || !value.expiresAt.After(now) {
		return nil
	}
	return &store.Replay{Fingerprint: value.fingerprint, Answer: bytes.Clone(value.answer)}
}

// claim takes a key, or gives what it gave before. A nil key asks for nothing.
func (r *keyring) claim(key *store.Key, now time.Time) *store.Replay {
	replay := r.before(key, now)
	if key != nil && replay == nil && !key.Peek {
		answer := key.Answer
		if answer == nil {
			answer = []byte{}
		}
		name := keyName{key.EnvironmentID, key.Key}
		if earlier, again := r.claimed[name]; again {
			r.journal = append(r.journal, func() { r.claimed[name] = earlier })
		} else {
			r.journal = append(r.journal, func() { delete(r.claimed, name) })
		}
		r.claimed[name] = keyValue{key.Fingerprint, answer, layout.Micros(key.ExpiresAt)}
	}
	return replay
}

// replaceAnswer replaces the answer of a key that a call has claimed; nil releases the key. at is the length of the
// journal before the claim.
func (r *keyring) replaceAnswer(at int, key *store.Key, answer []byte) {
	if answer == nil {
		r.journal[at]()
		return
	}
	name := keyName{key.EnvironmentID, key.Key}
	value := r.claimed[name]
	value.answer = answer
	r.claimed[name] = value
}

// undo gives back the keys that were claimed since the journal had this length.
func (r *keyring) undo(length int) {
	for i := len(r.journal) - 1; i >= length; i-- {
		r.journal[i]()
	}
	r.journal = r.journal[:length]
}

// queueStore queues the storing of the keys that were claimed.
func (r *keyring) queueStore(b *pgx.Batch) {
	if len(r.claimed) == 0 {
		return
	}
	var (
		environments          ids
		keys                  octets
		fingerprints, answers blobs
		expire                times
	)
	for _, name := range r.wanted { // in their order
		value, ok := r.claimed[name]
		if !ok {
			continue
		}
		environments, keys = append(environments, name.environment), append(keys, name.key)
		fingerprints, answers = append(fingerprints, value.fingerprint[:]), append(answers, value.answer)
		expire = append(expire, value.expiresAt)
	}
	b.Queue(putKeys, environments, keys, fingerprints, answers, expire)
}
