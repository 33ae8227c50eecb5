-- The trace that an event belongs to, so that its attempts do, whenever and wherever they are made.

ALTER TABLE events ADD COLUMN trace_parent text NOT NULL DEFAULT '';
