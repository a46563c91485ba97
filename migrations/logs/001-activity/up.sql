CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every list walks one of the indexes from its newest end, so each of them ends in created_at;
-- the row's id, which SQLite appends by itself, makes the order total.

CREATE TABLE api_requests (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at       INTEGER NOT NULL,
    tenant_id        TEXT,             -- NULL: no tenant was meant
    actor_kind       TEXT    NOT NULL,
    actor_id         TEXT,             -- NULL: the kind says all
    method           TEXT    NOT NULL,
    route            TEXT    NOT NULL, -- the pattern: /api/products/:id
    endpoint         TEXT    NOT NULL, -- the path as sent, without its query: secrets travel there
    status_code      INTEGER NOT NULL,
    response_time_us INTEGER NOT NULL,
    ip_address       TEXT,
    user_agent       TEXT,
    request_id       TEXT
) STRICT;
CREATE INDEX api_requests_by_time ON api_requests (created_at);
-- Every request pays for each index here; other filters look at rows one by one.
CREATE INDEX api_requests_by_tenant ON api_requests (tenant_id, created_at);
-- Failures are what somebody looks for, and rare enough that these two cost almost nothing.
CREATE INDEX api_requests_refused ON api_requests (created_at) WHERE status_code BETWEEN 400 AND 499;
CREATE INDEX api_requests_failed ON api_requests (created_at) WHERE status_code BETWEEN 500 AND 599;

CREATE TABLE audit_log (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  INTEGER NOT NULL,
    tenant_id   TEXT,
    actor_kind  TEXT    NOT NULL,
    actor_id    TEXT,
    action      TEXT    NOT NULL,      -- dotted: tenant.created
    object_kind TEXT,
    object_id   TEXT,
    detail      TEXT    NOT NULL,      -- JSON, secrets hidden
    ip_address  TEXT,
    user_agent  TEXT,
    request_id  TEXT
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (created_at);
CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id, created_at);
CREATE INDEX audit_log_by_actor ON audit_log (actor_kind, actor_id, created_at);
CREATE INDEX audit_log_by_action ON audit_log (action, created_at);
