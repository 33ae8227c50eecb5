-- Which rule of encrypted headers a node reads. Nodes of the release before do not set the column.

ALTER TABLE sessions ADD COLUMN reads smallint NOT NULL DEFAULT 0;
