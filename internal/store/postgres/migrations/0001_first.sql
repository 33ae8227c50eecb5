-- The layout and its reasons: docs/decisions/0011-postgres-layout.md. Durations are nanoseconds; NULL stands for "none"
-- (zero id, zero time, nil slice). What others have written (names, keys, what went wrong) is bytea: text takes neither
-- a zero byte nor anything but UTF-8, and people send both.

CREATE TABLE environments (
	id         uuid PRIMARY KEY,
	name       bytea NOT NULL,
	created_at timestamptz NOT NULL
);

CREATE TABLE tokens (
	id             uuid PRIMARY KEY,
	environment_id uuid NOT NULL,
	hash           bytea NOT NULL UNIQUE,
	created_at     timestamptz NOT NULL,
	expires_at     timestamptz,
	session        boolean NOT NULL
);

CREATE INDEX tokens_of ON tokens (environment_id);
CREATE INDEX tokens_of_sessions ON tokens (expires_at) WHERE session;

CREATE TABLE owners (
	environment_id uuid NOT NULL,
	kind           smallint NOT NULL, -- 1 agent, 2 campaign
	id             uuid NOT NULL,
	name           bytea NOT NULL,
	folded         bytea NOT NULL, -- the name in lower case, for searching
	agent_id       uuid,
	created_at     timestamptz NOT NULL,
	updated_at     timestamptz NOT NULL,
	PRIMARY KEY (environment_id, kind, id)
);

CREATE INDEX owners_by_age ON owners (environment_id, kind, created_at, id);
CREATE INDEX owners_by_agent ON owners (environment_id, agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE webhooks (
	id                uuid PRIMARY KEY,
	environment_id    uuid NOT NULL,
	owner_kind        smallint NOT NULL,
	owner_id          uuid NOT NULL,
	enabled           boolean NOT NULL,
	version           bigint NOT NULL,
	failures_in_a_row bigint NOT NULL,
	created_at        timestamptz NOT NULL,
	updated_at        timestamptz NOT NULL,
	deleted_at        timestamptz,
	failing_since     timestamptz,
	last_failed_at    timestamptz,
	last_error        bytea NOT NULL,
	folded            bytea NOT NULL, -- the name in lower case, for searching
	settings          json NOT NULL   -- what no query asks for
) WITH (fillfactor = 80);

CREATE INDEX webhooks_of ON webhooks (environment_id, owner_kind, owner_id);
CREATE INDEX webhooks_by_name ON webhooks (environment_id, folded, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_by_failure ON webhooks (environment_id, last_failed_at) WHERE last_failed_at IS NOT NULL;

-- The nodes that run. Ids are never used again: a lease of an ended session must not come to life under a later one.
CREATE TABLE sessions (
	id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	node  text NOT NULL,
	until timestamptz NOT NULL -- by the database's clock
) WITH (fillfactor = 50);

CREATE TABLE idempotency (
	environment_id uuid NOT NULL,
	key            bytea NOT NULL,
	expires_at     timestamptz NOT NULL,
	fingerprint    bytea NOT NULL,
	answer         bytea NOT NULL,
	PRIMARY KEY (environment_id, key)
);

CREATE INDEX idempotency_by_end ON idempotency (expires_at);

-- An event and its payload, once for all its attempts; a partition a day, by the time that the id carries.
CREATE TABLE events (
	id             uuid PRIMARY KEY,
	environment_id uuid NOT NULL,
	owner_kind     smallint NOT NULL,
	test           boolean NOT NULL,
	owner_id       uuid NOT NULL,
	campaign_id    uuid,
	occurred_at    timestamptz,
	owner_name     bytea NOT NULL,
	campaign_name  bytea NOT NULL,
	type           text NOT NULL,
	payload        bytea NOT NULL
) PARTITION BY RANGE (id);

-- What has no day: events whose day is gone and that are still needed, and whatever comes before its day is made.
CREATE TABLE events_rest PARTITION OF events DEFAULT;

-- The queue: attempts that are waiting, scheduled or in flight. It has no days, so that exactly-once does not depend on
-- them, and is emptied as fast as it is filled: its garbage is collected early.
CREATE TABLE open (
	webhook_id     uuid NOT NULL,
	id             uuid NOT NULL,
	event_id       uuid NOT NULL,
	environment_id uuid NOT NULL,
	lease          bigint, -- the session that holds it
	due_at         timestamptz NOT NULL,
	number         integer NOT NULL,
	chain_start    integer NOT NULL,
	trigger        smallint NOT NULL, -- 1 automatic, 2 manual, 3 test, 4 bulk
	previous_id    uuid,
	event_type     text NOT NULL,
	PRIMARY KEY (webhook_id, id) INCLUDE (event_type)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- At most one open attempt of an event at a webhook: this index is what holds it. The webhook's bytes are as good as its id
-- for that, and no use to a planner that looks for an attempt by its webhook: see placeOf.
CREATE UNIQUE INDEX open_once ON open (event_id, uuid_send(webhook_id));
-- What can be claimed. Attempts that are held from the start never enter it.
CREATE INDEX open_waiting ON open (webhook_id, due_at, id) WHERE lease IS NULL;
-- What waits in an environment, likewise.
CREATE INDEX open_queue ON open (environment_id, due_at) WHERE lease IS NULL;
-- What ended sessions held.
CREATE INDEX open_held ON open (lease) WHERE lease IS NOT NULL;
-- By whom a failed attempt reads "retrying".
CREATE INDEX open_retries ON open (webhook_id, previous_id) WHERE number > chain_start;

-- The history, with what was sent and what came back; a partition a day. Appended to, never changed.
CREATE TABLE attempts (
	webhook_id         uuid NOT NULL,
	id                 uuid NOT NULL,
	event_id           uuid NOT NULL,
	due_at             timestamptz, -- NULL: the time that the id carries
	finished_at        timestamptz,
	duration           bigint NOT NULL,
	retry_after        bigint NOT NULL,
	number             integer NOT NULL,
	chain_start        integer NOT NULL,
	shared_tail        integer NOT NULL, -- so many bytes of the request body are the end of the event's payload
	http_status        integer NOT NULL, -- 0: no answer
	status             smallint NOT NULL, -- 1 success, 2 failed
	trigger            smallint NOT NULL,
	response_truncated boolean NOT NULL,
	previous_id        uuid,
	event_type         text NOT NULL,
	reason             text NOT NULL,
	request_method     text NOT NULL,
	request_url        bytea NOT NULL,
	error              bytea NOT NULL,
	detail             bytea NOT NULL,
	request_headers    bytea,
	response_headers   bytea,
	request_head       bytea, -- what of the request body comes before the shared tail
	response_body      bytea,
	PRIMARY KEY (webhook_id, id) INCLUDE (status, event_type, http_status)
) PARTITION BY RANGE (id);

CREATE INDEX attempts_failed ON attempts (webhook_id, id) INCLUDE (event_type, http_status) WHERE status = 2;
-- The first attempts of an event are found without an index: their ids are siblings of the event's.
CREATE INDEX attempts_later ON attempts (event_id, webhook_id) WHERE number > 1;

CREATE TABLE attempts_rest PARTITION OF attempts DEFAULT;

-- The counts of what is above. Each writer of each node has rows of its own, told apart by their shard: what is asked for
-- is the sum of them, in which alone a number makes sense. So nodes that count the same do not wait for each other.

-- How many finished attempts were created in each hour since 1970. retrying is how many of failed have an open retry.
CREATE TABLE counts (
	webhook_id  uuid NOT NULL,
	hour        bigint NOT NULL,
	success     bigint NOT NULL,
	failed      bigint NOT NULL,
	retrying    bigint NOT NULL,
	http_status integer NOT NULL,
	shard       smallint NOT NULL,
	event_type  text NOT NULL,
	PRIMARY KEY (webhook_id, hour, event_type, http_status, shard)
) WITH (fillfactor = 70);

-- What is old enough to be deleted, without looking at every webhook.
CREATE INDEX counts_by_hour ON counts (hour);

-- The sums of counts, and how many attempts are open.
CREATE TABLE totals (
	webhook_id uuid NOT NULL,
	open       bigint NOT NULL,
	success    bigint NOT NULL,
	failed     bigint NOT NULL,
	retrying   bigint NOT NULL,
	shard      smallint NOT NULL,
	event_type text NOT NULL,
	PRIMARY KEY (webhook_id, event_type, shard)
) WITH (fillfactor = 50);

-- How many attempts are open in an environment.
CREATE TABLE queues (
	environment_id uuid NOT NULL,
	open           bigint NOT NULL,
	shard          smallint NOT NULL,
	PRIMARY KEY (environment_id, shard)
) WITH (fillfactor = 20);

-- What was recorded, by the time at which it ended: in each minute (grain 1) and hour (grain 2) since 1970.
CREATE TABLE activity (
	environment_id uuid NOT NULL,
	slot           bigint NOT NULL,
	success        bigint NOT NULL,
	failed         bigint NOT NULL,
	grain          smallint NOT NULL,
	shard          smallint NOT NULL,
	latencies      bigint[] NOT NULL, -- carteiro.Latencies, without the zeros at the end
	PRIMARY KEY (environment_id, grain, slot, shard)
) WITH (fillfactor = 50);

CREATE INDEX activity_by_age ON activity (grain, slot);

CREATE TABLE bulk_retries (
	webhook_id        uuid NOT NULL,
	id                uuid NOT NULL,
	status            smallint NOT NULL, -- 1 queued, 2 running, 3 paused, 4 cancelled, 5 done
	matched           bigint NOT NULL,
	retried           bigint NOT NULL,
	already_succeeded bigint NOT NULL,
	in_progress       bigint NOT NULL,
	too_old           bigint NOT NULL,
	retried_since     bigint NOT NULL,
	cursor            uuid,
	due_at            timestamptz NOT NULL,
	updated_at        timestamptz NOT NULL,
	ended_at          timestamptz,
	filter            json NOT NULL, -- what no query asks for
	PRIMARY KEY (webhook_id, id)
) WITH (fillfactor = 50);

-- A webhook has at most one that is open: this index is what holds it.
CREATE UNIQUE INDEX bulk_retries_open ON bulk_retries (webhook_id) WHERE status <= 3;
CREATE INDEX bulk_retries_due ON bulk_retries (due_at) WHERE status <= 2;
CREATE INDEX bulk_retries_ended ON bulk_retries (ended_at) WHERE ended_at IS NOT NULL;

-- One row that Ping changes, to know whether the database can be written to.
CREATE TABLE ping (n bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO ping VALUES (0);
