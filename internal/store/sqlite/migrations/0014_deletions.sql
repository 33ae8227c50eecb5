-- Deleted webhooks are cleaned: their queued attempts finished, their secrets erased. Those of earlier releases are, too.
ALTER TABLE webhooks ADD COLUMN cleaned INTEGER NOT NULL DEFAULT 0;
CREATE INDEX webhooks_to_clean ON webhooks (id) WHERE deleted_at IS NOT NULL AND cleaned = 0;

-- Who paused a job: user, or webhook_disabled. Empty while it is not paused, and where an earlier release has paused it.
ALTER TABLE bulk_retries ADD COLUMN paused_by TEXT NOT NULL DEFAULT '';
