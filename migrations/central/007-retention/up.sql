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
-- Finds the tenants that are backed up at times of their own without looking at every tenant.
CREATE INDEX tenants_scheduled ON tenants (number) WHERE instr(settings, '"backup_') > 0;
-- What was made of those times.
CREATE TABLE tenant_schedules (
    tenant_id TEXT    NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    job       TEXT    NOT NULL,                -- 'backup_daily' or 'backup_weekly'
    schedule  TEXT    NOT NULL,                -- with its zone; another one counts from when it was first seen
    begun_at  INTEGER NOT NULL,                -- since when it counts
    last_at   INTEGER,                         -- when the last try began
    PRIMARY KEY (tenant_id, job)
) STRICT, WITHOUT ROWID;
