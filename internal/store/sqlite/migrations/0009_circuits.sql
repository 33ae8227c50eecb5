-- The circuit of each webhook, and what has disabled it. Those that are in status "error" by now begin to be so at this
-- moment, so that none is disabled for what happened under an earlier version.

ALTER TABLE webhooks ADD COLUMN opened_at INTEGER;
ALTER TABLE webhooks ADD COLUMN probe_at INTEGER;
ALTER TABLE webhooks ADD COLUMN probes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN probe BLOB;
ALTER TABLE webhooks ADD COLUMN closed_at INTEGER;
ALTER TABLE webhooks ADD COLUMN ramped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN disabled_by TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN disabled_at INTEGER;

UPDATE webhooks SET opened_at = unixepoch() * 1000000, probe_at = unixepoch() * 1000000 WHERE enabled = 1 AND failures_in_a_row >= 5;

-- Those that have been failing for longest.
CREATE INDEX webhooks_in_error ON webhooks (opened_at) WHERE opened_at IS NOT NULL AND enabled = 1;
