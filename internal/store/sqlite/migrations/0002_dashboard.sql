-- What the dashboard asks for: sessions, webhooks by name and by their last failure, counts by HTTP status, activity by
-- environment, and bulk retries. fold and hour are this program's functions: see migrate.go. What was recorded before
-- is counted again by HTTP status, which takes some seconds a million attempts, and is in no activity.

ALTER TABLE tokens ADD COLUMN session INTEGER NOT NULL DEFAULT 0;

CREATE INDEX tokens_of_sessions ON tokens (expires_at) WHERE session = 1;

ALTER TABLE webhooks ADD COLUMN folded TEXT NOT NULL DEFAULT ''; -- the name in lower case, for searching
ALTER TABLE webhooks ADD COLUMN failing_since INTEGER;
ALTER TABLE webhooks ADD COLUMN last_failed_at INTEGER;
ALTER TABLE webhooks ADD COLUMN last_error TEXT NOT NULL DEFAULT '';
UPDATE webhooks SET folded = fold(json_extract(CAST(settings AS TEXT), '$.name'));

CREATE INDEX webhooks_by_name ON webhooks (environment_id, folded, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_by_failure ON webhooks (environment_id, last_failed_at) WHERE last_failed_at IS NOT NULL;

ALTER TABLE open ADD COLUMN environment_id BLOB NOT NULL DEFAULT x'';
UPDATE open SET environment_id = (SELECT environment_id FROM events WHERE number = event);

-- What waits in an environment. Like open_waiting, it is not entered by what is held from the start.
CREATE INDEX open_queue ON open (environment_id, due_at) WHERE lease IS NULL;

-- How many attempts are open in an environment.
CREATE TABLE queues (
	environment_id BLOB PRIMARY KEY,
	open           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO queues SELECT environment_id, count(*) FROM open GROUP BY environment_id;

ALTER TABLE attempts ADD COLUMN http_status INTEGER NOT NULL DEFAULT 0; -- 0: no answer
UPDATE attempts SET http_status = (SELECT http_status FROM exchanges WHERE id = exchange);

DROP TABLE counts;

-- How many finished attempts were created in each hour since 1970. retrying is how many of failed have an open retry.
CREATE TABLE counts (
	webhook_id  BLOB NOT NULL,
	hour        INTEGER NOT NULL,
	event_type  TEXT NOT NULL,
	http_status INTEGER NOT NULL,
	success     INTEGER NOT NULL,
	failed      INTEGER NOT NULL,
	retrying    INTEGER NOT NULL,
	PRIMARY KEY (webhook_id, hour, event_type, http_status)
) STRICT, WITHOUT ROWID;

INSERT INTO counts
	SELECT webhook_id, hour(id), event_type, http_status, sum(status = 1), sum(status = 2),
		sum(status = 2 AND EXISTS (SELECT 1 FROM open o INDEXED BY open_retries
			WHERE o.webhook_id = a.webhook_id AND o.previous_id = a.id AND o.number > o.chain_start))
	FROM attempts a GROUP BY 1, 2, 3, 4;

CREATE INDEX counts_by_hour ON counts (hour);

-- What was recorded, by the time at which it ended: in each minute (grain 1) and hour (grain 2) since 1970.
CREATE TABLE activity (
	environment_id BLOB NOT NULL,
	grain          INTEGER NOT NULL,
	slot           INTEGER NOT NULL,
	success        INTEGER NOT NULL,
	failed         INTEGER NOT NULL,
	latencies      BLOB NOT NULL, -- carteiro.Latencies, as varints
	PRIMARY KEY (environment_id, grain, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX activity_by_age ON activity (grain, slot);

CREATE TABLE bulk_retries (
	webhook_id        BLOB NOT NULL,
	id                BLOB NOT NULL,
	status            INTEGER NOT NULL, -- 1 queued, 2 running, 3 paused, 4 cancelled, 5 done
	filter            BLOB NOT NULL,    -- JSON: what no query asks for
	matched           INTEGER NOT NULL,
	retried           INTEGER NOT NULL,
	already_succeeded INTEGER NOT NULL,
	in_progress       INTEGER NOT NULL,
	too_old           INTEGER NOT NULL,
	retried_since     INTEGER NOT NULL,
	cursor            BLOB,
	due_at            INTEGER NOT NULL,
	updated_at        INTEGER NOT NULL,
	ended_at          INTEGER,
	PRIMARY KEY (webhook_id, id)
) STRICT, WITHOUT ROWID;

-- A webhook has at most one that is open: this index is what holds it.
CREATE UNIQUE INDEX bulk_retries_open ON bulk_retries (webhook_id) WHERE status <= 3;
CREATE INDEX bulk_retries_due ON bulk_retries (due_at) WHERE status <= 2;
CREATE INDEX bulk_retries_ended ON bulk_retries (ended_at) WHERE ended_at IS NOT NULL;
