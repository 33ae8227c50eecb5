-- The token that replaced another one. While both are valid, their common name refers to the new one.

ALTER TABLE tokens ADD COLUMN replaced_by BLOB;
