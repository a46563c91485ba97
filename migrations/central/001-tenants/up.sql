CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
    code                   TEXT PRIMARY KEY,
    label                  TEXT NOT NULL,
    family                 TEXT NOT NULL CHECK (family IN ('saas', 'gateway')),
    price_label            TEXT NOT NULL,
    max_phone_numbers      INTEGER,
    max_messages_per_day   INTEGER,
    max_messages_per_month INTEGER,
    max_auto_replies       INTEGER,
    max_scheduled_messages INTEGER
) STRICT;
INSERT INTO plans VALUES
    ('starter', 'Starter', 'saas', 'Free', 3, 1000, NULL, 10, 50),
    ('business', 'Business', 'saas', 'Paid', 10, 5000, NULL, 100, 500),
    ('enterprise', 'Enterprise', 'saas', 'Paid', 50, 50000, NULL, NULL, NULL),
    ('basic', 'Basic', 'gateway', 'Free', 1, NULL, 1000, 10, 50),
    ('premium', 'Premium', 'gateway', 'Paid', 5, NULL, 10000, 100, 500),
    ('enterprise_unlimited', 'Enterprise', 'gateway', 'Paid', NULL, NULL, NULL, NULL, NULL);

CREATE TABLE tenants (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    company_name    TEXT,
    email           TEXT,
    db_name         TEXT    COLLATE NOCASE UNIQUE, -- NULL while the file is in the trash
    db_name_next    TEXT    COLLATE NOCASE UNIQUE, -- set while the file is being renamed
    db_name_was     TEXT,                          -- what an undelete goes back to
    db_host         TEXT,
    db_port         INTEGER,
    db_username     TEXT,
    db_password_enc BLOB,
    plan_code       TEXT    NOT NULL DEFAULT 'starter' REFERENCES plans (code),
    limits_override TEXT    NOT NULL DEFAULT '{}',
    max_storage_bytes INTEGER,
    state           TEXT    NOT NULL DEFAULT 'active'
                    CHECK (state IN ('creating', 'active', 'suspended', 'frozen', 'deleting', 'deleted',
                                     'detaching')),
    state_was       TEXT,                          -- what a thaw or an undelete goes back to
    origin          TEXT    NOT NULL DEFAULT 'made' -- where its file came from
                    CHECK (origin IN ('made', 'adopted', 'imported')),
    settings        TEXT    NOT NULL DEFAULT '{}',
    schema_version  INTEGER NOT NULL DEFAULT 0, -- a hint; the file itself decides
    trash_name      TEXT,
    deleted_at      INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX tenants_by_name ON tenants (name COLLATE NOCASE);
CREATE INDEX tenants_deleted ON tenants (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE domains (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    domain     TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX domains_by_tenant ON domains (tenant_id);

CREATE TABLE api_keys (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id    TEXT    NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    account_id   INTEGER,
    kind         TEXT    NOT NULL CHECK (kind IN ('tenant', 'gateway')),
    name         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL, -- what may be shown
    hash         BLOB    NOT NULL UNIQUE, -- SHA-256
    scopes       TEXT    NOT NULL DEFAULT '["*"]',
    is_active    INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    expires_at   INTEGER,
    last_used_at INTEGER,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, kind);

CREATE TABLE settings (
    key        TEXT PRIMARY KEY,
    value      TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE job_runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    job         TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT    NOT NULL CHECK (outcome IN ('running', 'ok', 'failed')),
    detail      TEXT
) STRICT;
CREATE INDEX job_runs_by_job ON job_runs (job, id);
