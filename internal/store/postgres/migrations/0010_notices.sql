-- What environments' own webhooks are to be told: rows that are written with what they tell of, and gone once it is an event.

CREATE TABLE notices (
	at             timestamptz NOT NULL,
	id             uuid NOT NULL DEFAULT gen_random_uuid(),
	environment_id uuid NOT NULL,
	type           text NOT NULL,
	webhook_id     uuid NOT NULL,
	since          timestamptz,
	failures       bigint NOT NULL DEFAULT 0,
	disabled_by    text NOT NULL DEFAULT '',
	error          bytea NOT NULL DEFAULT '',
	attempt_id     uuid,
	event_id       uuid,
	event_type     text NOT NULL DEFAULT '',
	number         bigint NOT NULL DEFAULT 0,
	http_status    bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (at, id)
);

-- Owners of kind 3 are the environments themselves. Nobody searches them by name.
INSERT INTO owners (environment_id, kind, id, name, folded, agent_id, created_at, updated_at)
	SELECT id, 3, id, name, name, NULL, created_at, created_at FROM environments;
