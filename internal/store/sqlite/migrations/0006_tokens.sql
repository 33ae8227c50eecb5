-- Several tokens an environment, with names and scopes. Those that are there may do all, as they could.

ALTER TABLE tokens ADD COLUMN name TEXT NOT NULL DEFAULT 'default';
ALTER TABLE tokens ADD COLUMN scopes INTEGER NOT NULL DEFAULT 128; -- carteiro.Scopes
ALTER TABLE tokens ADD COLUMN last_used_at INTEGER;
ALTER TABLE tokens ADD COLUMN parent_id BLOB; -- of a session: the token that it comes from, unless it is older than this column

CREATE INDEX tokens_by_parent ON tokens (parent_id) WHERE parent_id IS NOT NULL;
