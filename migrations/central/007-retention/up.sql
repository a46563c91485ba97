-- Who asked for a backup: 'operator', 'tenant', or NULL for the schedule.
ALTER TABLE backups ADD COLUMN asked_by TEXT CHECK (asked_by IN ('operator', 'tenant'));
-- A backup that retention keeps past its time is not looked at again before this.
ALTER TABLE backups ADD COLUMN kept_until INTEGER;
DROP INDEX backups_by_expiry;
CREATE INDEX backups_by_expiry ON backups (coalesce(kept_until, expires_at));
-- Tenants whose backups all stay until somebody looks at why they shrank.
CREATE TABLE retention_pauses (
    tenant_id    TEXT    PRIMARY KEY,
    before_id    TEXT    NOT NULL,             -- the backup before they shrank
    after_id     TEXT    NOT NULL,             -- the one that is smaller
    rows_before  INTEGER NOT NULL,
    rows_after   INTEGER NOT NULL,
    bytes_before INTEGER NOT NULL,
    bytes_after  INTEGER NOT NULL,
    paused_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
