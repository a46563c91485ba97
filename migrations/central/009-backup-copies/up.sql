-- What became of each backup at each destination off this machine.
CREATE TABLE backup_copies (
    backup_id   TEXT    NOT NULL,             -- no reference: the row outlives its backup until the object is removed
    destination TEXT    NOT NULL CHECK (destination IN ('s3')),
    tenant_id   TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'ok', 'failed', 'lost', 'removing')),
    object_key  TEXT    NOT NULL,
    bytes       INTEGER NOT NULL,
    e_tag       TEXT,                         -- as the destination gave it
    upload_id   TEXT,                         -- of an upload in parts that has begun
    tries       INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL,
    error_code  TEXT,
    error       TEXT,
    uploaded_at INTEGER,
    checked_at  INTEGER,
    PRIMARY KEY (backup_id, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX backup_copies_due ON backup_copies (next_try_at) WHERE state <> 'ok';
CREATE INDEX backup_copies_checked ON backup_copies (checked_at) WHERE state = 'ok';
CREATE INDEX backup_copies_in_trouble ON backup_copies (error_code) WHERE error_code IS NOT NULL;
