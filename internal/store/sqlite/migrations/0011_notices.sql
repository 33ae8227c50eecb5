-- What environments' own webhooks are to be told: rows that are written with what they tell of, and gone once it is an event.

CREATE TABLE notices (
	at             INTEGER NOT NULL,
	id             BLOB NOT NULL,
	environment_id BLOB NOT NULL,
	type           TEXT NOT NULL,
	webhook_id     BLOB NOT NULL,
	since          INTEGER,
	failures       INTEGER NOT NULL,
	disabled_by    TEXT NOT NULL,
	error          TEXT NOT NULL,
	attempt_id     BLOB,
	event_id       BLOB,
	event_type     TEXT NOT NULL,
	number         INTEGER NOT NULL,
	http_status    INTEGER NOT NULL,
	PRIMARY KEY (at, id)
) STRICT, WITHOUT ROWID;

-- Owners of kind 3 are the environments themselves. Nobody searches them by name.
INSERT INTO owners (environment_id, kind, id, name, folded, agent_id, created_at, updated_at)
	SELECT id, 3, id, name, name, NULL, created_at, created_at FROM environments;
