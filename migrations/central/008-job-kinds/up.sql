-- Which kinds of jobs there are is the program's to know.
CREATE TABLE jobs_of_any_kind (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL,
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
INSERT INTO jobs_of_any_kind (number, id, kind, tenant_id, asked_by, state, percent, result, error_code, error,
                              created_at, started_at, finished_at)
SELECT number, id, kind, tenant_id, asked_by, state, percent, result, error_code, error, created_at, started_at,
       finished_at
FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_of_any_kind RENAME TO jobs;
