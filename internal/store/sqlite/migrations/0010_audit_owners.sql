-- Whose the webhook is that an entry of the audit log is about. Those that are there already do not say.

ALTER TABLE audit ADD COLUMN owner_kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN owner_id BLOB;
