-- Which key the secrets among a webhook's settings are encrypted with: its name, '' for none, NULL where there are no
-- secrets. What was stored before lies open, if there is any; a server with a key finds and encrypts it.

ALTER TABLE webhooks ADD COLUMN sealed_by TEXT DEFAULT '';
CREATE INDEX webhooks_by_key ON webhooks (sealed_by, id) WHERE sealed_by IS NOT NULL;
