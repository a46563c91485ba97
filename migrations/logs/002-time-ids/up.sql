-- A row's id holds its time: milliseconds since 1970, then 11 bits that count the rows of one
-- millisecond. So the table itself is in the order of time, and every index, to which SQLite
-- appends the id, is as well. No request pays for an index by time.

ALTER TABLE api_requests RENAME TO old_requests;
ALTER TABLE audit_log RENAME TO old_audit;

CREATE TABLE api_requests (
    id               INTEGER PRIMARY KEY,
    created_at       INTEGER GENERATED ALWAYS AS (id >> 11) VIRTUAL,
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

CREATE TABLE audit_log (
    id          INTEGER PRIMARY KEY,
    created_at  INTEGER GENERATED ALWAYS AS (id >> 11) VIRTUAL,
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

-- In the order of time each row gets the first id of its millisecond, or, where the row before it
-- has that or a later one, the next id after that row's: n plus the largest (first id - n) so far.
-- The inner window walks the old index and the outer one takes its rows as they come, so nothing
-- is sorted and nothing is held in memory.

INSERT INTO api_requests (id, tenant_id, actor_kind, actor_id, method, route, endpoint, status_code,
    response_time_us, ip_address, user_agent, request_id)
SELECT renamed.id, tenant_id, actor_kind, actor_id, method, route, endpoint, status_code,
    response_time_us, ip_address, user_agent, request_id
FROM (
    SELECT old_id, n + max((created_at << 11) - n) OVER (ROWS UNBOUNDED PRECEDING) AS id
    FROM (SELECT id AS old_id, created_at, row_number() OVER (ORDER BY created_at, id) - 1 AS n FROM old_requests)
) AS renamed CROSS JOIN old_requests ON old_requests.id = renamed.old_id;

INSERT INTO audit_log (id, tenant_id, actor_kind, actor_id, action, object_kind, object_id, detail,
    ip_address, user_agent, request_id)
SELECT renamed.id, tenant_id, actor_kind, actor_id, action, object_kind, object_id, detail,
    ip_address, user_agent, request_id
FROM (
    SELECT old_id, n + max((created_at << 11) - n) OVER (ROWS UNBOUNDED PRECEDING) AS id
    FROM (SELECT id AS old_id, created_at, row_number() OVER (ORDER BY created_at, id) - 1 AS n FROM old_audit)
) AS renamed CROSS JOIN old_audit ON old_audit.id = renamed.old_id;

DROP TABLE old_requests;
DROP TABLE old_audit;

-- Every request pays for each index here, even for one that does not take its row; other filters
-- look at rows one by one. Failures are what somebody looks for, and rare.
CREATE INDEX api_requests_by_tenant ON api_requests (tenant_id);
CREATE INDEX api_requests_by_failure ON api_requests (status_code / 100) WHERE status_code BETWEEN 400 AND 599;

CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id);
CREATE INDEX audit_log_by_actor ON audit_log (actor_kind, actor_id);
CREATE INDEX audit_log_by_action ON audit_log (action);
