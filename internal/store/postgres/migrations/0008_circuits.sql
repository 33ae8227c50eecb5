-- The circuit of each webhook, and what has disabled it. Those that are in status "error" by now begin to be so at this
-- moment, so that none is disabled for what happened under an earlier version.

ALTER TABLE webhooks
	ADD COLUMN opened_at   timestamptz,
	ADD COLUMN probe_at    timestamptz,
	ADD COLUMN probes      bigint NOT NULL DEFAULT 0,
	ADD COLUMN probe       uuid,
	ADD COLUMN closed_at   timestamptz,
	ADD COLUMN ramped      bigint NOT NULL DEFAULT 0,
	ADD COLUMN disabled_by text NOT NULL DEFAULT '',
	ADD COLUMN disabled_at timestamptz;

UPDATE webhooks SET opened_at = now(), probe_at = now() WHERE enabled AND failures_in_a_row >= 5;

-- Those that have been failing for longest.
CREATE INDEX webhooks_in_error ON webhooks (opened_at) WHERE opened_at IS NOT NULL AND enabled;
