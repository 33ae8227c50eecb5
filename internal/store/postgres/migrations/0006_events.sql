-- Events that went to no webhook can be found and sent later. The index of these holds what events are listed by; that of
-- all, which every event is entered in, is as narrow as can be, and leaves out those of tests. What came before is looked
-- through once, which takes some seconds a million events.

ALTER TABLE events ADD COLUMN undelivered smallint NOT NULL DEFAULT 0; -- 1 no webhook, 2 not subscribed, 3 disabled, 4 unknown

SET LOCAL enable_seqscan = on;
SET LOCAL enable_hashjoin = on;
UPDATE events e SET undelivered = 4 WHERE NOT test AND NOT EXISTS (SELECT FROM open o WHERE o.event_id = e.id)
	AND NOT EXISTS (SELECT FROM attempts a WHERE a.event_id = e.id);
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;

CREATE INDEX events_of ON events (environment_id, id) WHERE NOT test;
CREATE INDEX events_undelivered ON events (environment_id, id) INCLUDE (owner_kind, owner_id, campaign_id, type, undelivered)
	WHERE undelivered > 0;

-- What came after the first attempt of an event, or was its first at a webhook and begun by a replay (trigger 4): the ids of
-- the others are siblings of the event's.
DROP INDEX attempts_later;
CREATE INDEX attempts_later ON attempts (event_id, webhook_id) WHERE number > 1 OR trigger = 4;
