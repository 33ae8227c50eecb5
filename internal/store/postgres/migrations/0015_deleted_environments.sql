-- A deleted environment stays until its data is erased.
ALTER TABLE environments ADD COLUMN deleted_at timestamptz;
