-- Deleted webhooks are cleaned: their queued attempts finished, their secrets erased. Those of earlier releases, and those that
-- nodes of the previous release delete, are, too.
ALTER TABLE webhooks ADD COLUMN cleaned boolean NOT NULL DEFAULT false;
CREATE INDEX webhooks_to_clean ON webhooks (id) WHERE deleted_at IS NOT NULL AND NOT cleaned;

-- Who paused a job: user, or webhook_disabled. Empty while it is not paused, and where an earlier release has paused it.
ALTER TABLE bulk_retries ADD COLUMN paused_by text NOT NULL DEFAULT '';
