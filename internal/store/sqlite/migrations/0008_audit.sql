-- Who changed what. Written with the change, never altered; what is too old is deleted.

CREATE TABLE audit (
	id             BLOB PRIMARY KEY,
	environment_id BLOB NOT NULL,
	actor          TEXT NOT NULL,
	token_id       BLOB,
	actor_name     TEXT NOT NULL,
	action         TEXT NOT NULL,
	subject        TEXT NOT NULL,
	subject_id     BLOB,
	subject_name   TEXT NOT NULL,
	webhook_id     BLOB,
	request_id     TEXT NOT NULL,
	remote_address TEXT NOT NULL,
	changes        BLOB -- JSON: what no query asks for
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_of ON audit (environment_id, id);

CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit BEGIN
	SELECT RAISE(ABORT, 'the audit log is append-only');
END;
