-- A preview is a restore that stops before it touches anything.
ALTER TABLE jobs ADD COLUMN is_preview INTEGER NOT NULL DEFAULT 0 CHECK (is_preview IN (0, 1));
