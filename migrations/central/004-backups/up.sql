CREATE TABLE backups (
    id              TEXT    PRIMARY KEY,          -- a UUID; part of what the file's encryption is bound to
    tenant_id       TEXT    NOT NULL,             -- no reference: backups outlive their tenant until they expire
    kind            TEXT    NOT NULL
                    CHECK (kind IN ('manual', 'daily', 'weekly', 'pre_restore', 'pre_upgrade', 'final')),
    state           TEXT    NOT NULL CHECK (state IN ('running', 'ok', 'failed')),
    folder          TEXT    NOT NULL,             -- below backups/, 'warung-1/2026/11'
    file_name       TEXT    NOT NULL,             -- of the download; the file itself has .enc behind it
    is_compressed   INTEGER NOT NULL CHECK (is_compressed IN (0, 1)),
    is_pinned       INTEGER NOT NULL DEFAULT 0 CHECK (is_pinned IN (0, 1)),
    schema_version  INTEGER,
    database_bytes  INTEGER,
    payload_bytes   INTEGER,
    payload_sha256  TEXT,
    file_bytes      INTEGER,
    row_counts      TEXT,
    warning         TEXT,
    error_code      TEXT,
    error           TEXT,
    key_id          TEXT,
    created_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    expires_at      INTEGER,                      -- NULL: when somebody deletes it
    proven_at       INTEGER,
    proof_error     TEXT,
    UNIQUE (tenant_id, file_name)
) STRICT, WITHOUT ROWID;
CREATE TABLE restores (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   TEXT    NOT NULL,
    backup_id   TEXT    NOT NULL,
    before_id   TEXT,                             -- the backup of what was there; NULL when that could not be read
    restored_at INTEGER NOT NULL
) STRICT;
CREATE INDEX restores_by_tenant ON restores (tenant_id, id);
CREATE INDEX backups_by_tenant ON backups (tenant_id, created_at);
CREATE INDEX backups_by_time ON backups (created_at);
CREATE INDEX backups_by_expiry ON backups (expires_at);
CREATE INDEX backups_unfinished ON backups (state) WHERE state = 'running';
