-- What somebody has to know of, from when it begins until its end was told.
CREATE TABLE alerts (
    condition   TEXT    NOT NULL,              -- 'overdue', 'backup_failed' and so on
    tenant_id   TEXT    NOT NULL,              -- no reference: its end is told of a deleted tenant too
    tenant_name TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    is_raised   INTEGER NOT NULL DEFAULT 0 CHECK (is_raised IN (0, 1)),  -- by whom it happens to; else it is looked for
    since       INTEGER NOT NULL,
    ended_at    INTEGER,                       -- over, which is to be told
    mailed_at   INTEGER,                       -- when it was last told by mail
    posted_at   INTEGER,                       -- the same for the webhook
    PRIMARY KEY (condition, tenant_id)
) STRICT, WITHOUT ROWID;
