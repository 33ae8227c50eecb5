-- The layout and its reasons: docs/decisions/0009-store-layout.md. Ids are 16 bytes, times microseconds since 1970 in UTC,
-- durations nanoseconds; NULL stands for "none" (zero id, zero time, nil slice).

CREATE TABLE environments (
	id         BLOB PRIMARY KEY,
	name       TEXT NOT NULL,
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
	id             BLOB PRIMARY KEY,
	environment_id BLOB NOT NULL,
	hash           BLOB NOT NULL UNIQUE,
	created_at     INTEGER NOT NULL,
	expires_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_of ON tokens (environment_id);

CREATE TABLE owners (
	environment_id BLOB NOT NULL,
	kind           INTEGER NOT NULL, -- 1 agent, 2 campaign
	id             BLOB NOT NULL,
	name           TEXT NOT NULL,
	folded         TEXT NOT NULL, -- the name in lower case, for searching
	agent_id       BLOB,
	created_at     INTEGER NOT NULL,
	updated_at     INTEGER NOT NULL,
	PRIMARY KEY (environment_id, kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX owners_by_age ON owners (environment_id, kind, created_at, id);
CREATE INDEX owners_by_agent ON owners (environment_id, agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE webhooks (
	id                BLOB PRIMARY KEY,
	environment_id    BLOB NOT NULL,
	owner_kind        INTEGER NOT NULL,
	owner_id          BLOB NOT NULL,
	enabled           INTEGER NOT NULL,
	version           INTEGER NOT NULL,
	failures_in_a_row INTEGER NOT NULL,
	created_at        INTEGER NOT NULL,
	updated_at        INTEGER NOT NULL,
	deleted_at        INTEGER,
	settings          BLOB NOT NULL -- JSON: what no query asks for
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_of ON webhooks (environment_id, owner_kind, owner_id);

-- Ids are never used again: a lease of an ended session must not come to life under a later one.
CREATE TABLE sessions (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	node  TEXT NOT NULL,
	until INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
	environment_id BLOB NOT NULL,
	key            TEXT NOT NULL,
	expires_at     INTEGER NOT NULL,
	fingerprint    BLOB NOT NULL,
	answer         BLOB NOT NULL,
	PRIMARY KEY (environment_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_end ON idempotency (expires_at);

-- An event and its payload, once for all its attempts. Attempts know it by its number.
CREATE TABLE events (
	number         INTEGER PRIMARY KEY,
	id             BLOB NOT NULL UNIQUE,
	attempts       INTEGER NOT NULL, -- open and finished ones of it; at zero it can go
	environment_id BLOB NOT NULL,
	owner_kind     INTEGER NOT NULL,
	owner_id       BLOB NOT NULL,
	owner_name     TEXT NOT NULL,
	campaign_id    BLOB,
	campaign_name  TEXT NOT NULL,
	type           TEXT NOT NULL,
	occurred_at    INTEGER,
	test           INTEGER NOT NULL,
	payload        BLOB NOT NULL
) STRICT;

-- Events that no webhook wanted.
CREATE INDEX events_unwanted ON events (id) WHERE attempts = 0;

-- The queue: attempts that are waiting, scheduled or in flight.
CREATE TABLE open (
	webhook_id  BLOB NOT NULL,
	id          BLOB NOT NULL,
	lease       INTEGER, -- the session that holds it
	event       INTEGER NOT NULL,
	number      INTEGER NOT NULL,
	chain_start INTEGER NOT NULL,
	trigger     INTEGER NOT NULL, -- 1 automatic, 2 manual, 3 test, 4 bulk
	due_at      INTEGER NOT NULL,
	previous_id BLOB,
	event_type  TEXT NOT NULL,
	PRIMARY KEY (webhook_id, id)
) STRICT, WITHOUT ROWID;

-- At most one open attempt of an event at a webhook: this index is what holds it.
CREATE UNIQUE INDEX open_once ON open (event, webhook_id);
-- What can be claimed. Attempts that are held from the start never enter it.
CREATE INDEX open_waiting ON open (webhook_id, due_at) WHERE lease IS NULL;
-- What ended sessions held. It is small, and in memory: reading the whole table instead takes seconds after a restart.
CREATE INDEX open_held ON open (lease) WHERE lease IS NOT NULL;
-- By whom a failed attempt reads "retrying".
CREATE INDEX open_retries ON open (webhook_id, previous_id) WHERE number > chain_start;

-- The history: what is asked for by lists and counts. Appended to, never changed.
CREATE TABLE attempts (
	webhook_id  BLOB NOT NULL,
	id          BLOB NOT NULL,
	status      INTEGER NOT NULL, -- 1 success, 2 failed
	event       INTEGER NOT NULL,
	exchange    INTEGER NOT NULL,
	number      INTEGER NOT NULL,
	chain_start INTEGER NOT NULL,
	trigger     INTEGER NOT NULL,
	due_at      INTEGER, -- NULL: the time that the id carries
	previous_id BLOB,
	event_type  TEXT NOT NULL,
	PRIMARY KEY (webhook_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_failed ON attempts (webhook_id, id) WHERE status = 2;
-- The first attempts of an event are found without an index: their ids are siblings of the event's.
CREATE INDEX attempts_later ON attempts (event, webhook_id, number) WHERE number > 1;

-- The rest of the history: what was sent and what came back, in the order in which it was recorded.
CREATE TABLE exchanges (
	id                 INTEGER PRIMARY KEY,
	finished_at        INTEGER,
	duration           INTEGER NOT NULL,
	reason             TEXT NOT NULL,
	error              TEXT NOT NULL,
	detail             TEXT NOT NULL,
	http_status        INTEGER NOT NULL,
	retry_after        INTEGER NOT NULL,
	response_truncated INTEGER NOT NULL,
	request_method     TEXT NOT NULL,
	request_url        TEXT NOT NULL,
	request_headers    BLOB,
	response_headers   BLOB,
	shared_tail        INTEGER NOT NULL, -- so many bytes of the request body are the end of the event's payload
	request_head       BLOB,             -- and these are the ones before
	response_body      BLOB
) STRICT;

-- How many finished attempts were created in each hour since 1970. retrying is how many of failed have an open retry.
CREATE TABLE counts (
	webhook_id BLOB NOT NULL,
	hour       INTEGER NOT NULL,
	event_type TEXT NOT NULL,
	success    INTEGER NOT NULL,
	failed     INTEGER NOT NULL,
	retrying   INTEGER NOT NULL,
	PRIMARY KEY (webhook_id, hour, event_type)
) STRICT, WITHOUT ROWID;

-- What is old enough to be deleted, without looking at every webhook.
CREATE INDEX counts_by_hour ON counts (hour);

-- The sums of counts, and how many attempts are open.
CREATE TABLE totals (
	webhook_id BLOB NOT NULL,
	event_type TEXT NOT NULL,
	open       INTEGER NOT NULL,
	success    INTEGER NOT NULL,
	failed     INTEGER NOT NULL,
	retrying   INTEGER NOT NULL,
	PRIMARY KEY (webhook_id, event_type)
) STRICT, WITHOUT ROWID;

-- One row that Ping changes, to know whether the database can be written to.
CREATE TABLE ping (n INTEGER NOT NULL) STRICT;
INSERT INTO ping VALUES (0);
