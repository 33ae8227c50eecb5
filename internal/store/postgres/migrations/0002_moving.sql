-- One row while everything of another database is copied into this one: from where, and how far it has come (JSON).
CREATE TABLE moving (
	source  text NOT NULL,
	reached text NOT NULL
);
