-- Notices are published in the order of the changes. Times do not give it: several changes may have the same one.

CREATE TABLE numbered_notices (
	seq            INTEGER PRIMARY KEY AUTOINCREMENT,
	at             INTEGER NOT NULL,
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
	http_status    INTEGER NOT NULL
) STRICT;

INSERT INTO numbered_notices (at, environment_id, type, webhook_id, since, failures, disabled_by, error, attempt_id, event_id, event_type, number, http_status)
	SELECT at, environment_id, type, webhook_id, since, failures, disabled_by, error, attempt_id, event_id, event_type, number, http_status
	FROM notices ORDER BY at, id;
DROP TABLE notices;
ALTER TABLE numbered_notices RENAME TO notices;
