-- Several tokens an environment, with names and scopes. Those that are there may do all, as they could.

ALTER TABLE tokens
	ADD COLUMN name bytea NOT NULL DEFAULT 'default',
	ADD COLUMN scopes smallint NOT NULL DEFAULT 128, -- carteiro.Scopes
	ADD COLUMN last_used_at timestamptz,
	ADD COLUMN parent_id uuid; -- of a session: the token that it comes from, unless it is older than this column

CREATE INDEX tokens_by_parent ON tokens (parent_id) WHERE parent_id IS NOT NULL;
