CREATE TABLE jobs (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL CHECK (kind IN ('backup', 'restore', 'undo')),
    tenant_id       TEXT    NOT NULL,              -- no reference: what was done outlives its tenant
    asked_by        TEXT    NOT NULL CHECK (asked_by IN ('operator', 'tenant')),
    state           TEXT    NOT NULL               -- 'open': queued or running; only the process that runs it knows
                    CHECK (state IN ('open', 'succeeded', 'failed', 'cancelled')),
    percent         INTEGER NOT NULL DEFAULT 0,    -- where it ended; until then in memory only
    result          TEXT,                          -- what whoever waited for it was answered, as JSON
    error_code      TEXT,
    error           TEXT,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER,
    finished_at     INTEGER
) STRICT;
