-- Who changed what. Written with the change, never altered; what is too old is deleted.

CREATE TABLE audit (
	id             uuid PRIMARY KEY,
	environment_id uuid NOT NULL,
	token_id       uuid,
	subject_id     uuid,
	webhook_id     uuid,
	actor          text NOT NULL,
	action         text NOT NULL,
	subject        text NOT NULL,
	request_id     text NOT NULL,
	remote_address text NOT NULL,
	actor_name     bytea NOT NULL,
	subject_name   bytea NOT NULL,
	changes        bytea -- JSON: what no query asks for
);

CREATE INDEX audit_of ON audit (environment_id, id);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the audit log is append-only';
END $$;

CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
