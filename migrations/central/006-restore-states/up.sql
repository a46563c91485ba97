-- A restore is written down before it begins, so that a start after a crash can tell how it ended.
ALTER TABLE restores ADD COLUMN mark TEXT;          -- stands in the restored file's meta too, under 'restored_by'
ALTER TABLE restores ADD COLUMN state TEXT NOT NULL DEFAULT 'ok' CHECK (state IN ('running', 'ok', 'failed'));
ALTER TABLE restores ADD COLUMN error_code TEXT;
ALTER TABLE restores ADD COLUMN error TEXT;
ALTER TABLE restores ADD COLUMN before_error TEXT;  -- why what was there before cannot be brought back
CREATE INDEX restores_unfinished ON restores (state) WHERE state = 'running';
