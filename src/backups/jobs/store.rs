//! The SQL of jobs, in the central file.

use crate::clock::Timestamp;
use crate::db::{Row, Tx};
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;
use crate::vals;

use super::model::{Filter, Job, NewJob, State};

const COLUMNS: &str = "number, id, kind, tenant_id, asked_by, state, percent, result, error_code, error, created_at, \
    started_at, finished_at";
/// The stored word for queued and running.
const OPEN: &str = "open";

fn read_job(row: &Row<'_, '_>) -> Result<Job, DbError> {
    let bad = |what: &str| DbError::Corrupt(format!("jobs.{what} is not readable"));
    Ok(Job {
        number: row.get(0)?,
        id: row.get(1)?,
        kind: row.text(2)?.parse().map_err(|()| bad("kind"))?,
        tenant_id: row.text(3)?.into(),
        asked_by: row.text(4)?.parse().map_err(|()| bad("asked_by"))?,
        state: match row.text(5)? {
            OPEN => State::Queued,
            ended => ended.parse().map_err(|()| bad("state"))?,
        },
        percent: row.get(6)?,
        step: None,
        result: row.get(7)?,
        error: row.get::<Option<String>>(8)?.zip(row.get::<Option<String>>(9)?),
        created_at: row.get(10)?,
        started_at: row.get(11)?,
        finished_at: row.get(12)?,
    })
}

pub(super) fn insert(tx: &mut Tx<'_>, id: &str, new: &NewJob, now: Timestamp) -> Result<Job> {
    let sql = format!(
        "INSERT INTO jobs (id, kind, tenant_id, asked_by, state, created_at) VALUES (?1, ?2, ?3, ?4, '{OPEN}', ?5) \
         RETURNING {COLUMNS}"
    );
    let values = vals![id, new.kind.as_str(), new.tenant.as_str(), new.asked_by.as_str(), now];
    Ok(tx.query_one(&sql, values, read_job)?)
}

/// Writes down how a job ended.
pub(super) fn end(tx: &mut Tx<'_>, job: &Job) -> Result<()> {
    let (code, text) = job.error.as_ref().map(|(code, text)| (code.as_str(), text.as_str())).unzip();
    tx.execute(
        "UPDATE jobs SET state = ?2, percent = ?3, result = ?4, error_code = ?5, error = ?6, started_at = ?7, \
         finished_at = ?8 WHERE id = ?1",
        vals![&job.id, job.state.as_str(), job.percent, &job.result, code, text, job.started_at, job.finished_at],
    )?;
    Ok(())
}

pub(super) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Job> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
    tx.query_opt(&sql, vals![id], read_job)?.ok_or_else(|| Error::not_found("job", id))
}

/// Jobs, newest first.
pub(super) fn list(tx: &mut Tx<'_>, filter: &Filter, limit: i64) -> Result<Vec<Job>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE (?1 IS NULL OR tenant_id = ?1) AND (?2 IS NULL OR state = ?2) \
         AND (?3 IS NULL OR number < (SELECT number FROM jobs WHERE id = ?3)) ORDER BY number DESC LIMIT ?4"
    );
    let state = filter.state.map(|state| if state.is_end() { state.as_str() } else { OPEN });
    let values = vals![filter.tenant.as_ref().map(TenantId::as_str), state, filter.before.as_deref(), limit];
    Ok(tx.query(&sql, values, read_job)?)
}

/// Ends what a process that is gone left open; gives how many that were.
pub(super) fn end_open(tx: &mut Tx<'_>, code: &str, text: &str, now: Timestamp) -> Result<usize> {
    let sql = format!(
        "UPDATE jobs SET state = 'failed', error_code = ?1, error = ?2, finished_at = ?3 WHERE state = '{OPEN}'"
    );
    Ok(tx.execute(&sql, vals![code, text, now])?)
}

/// Removes ended jobs that ended before `before`, and all but the newest `keep`; gives how many.
pub(super) fn prune(tx: &mut Tx<'_>, before: Timestamp, keep: i64) -> Result<usize> {
    let old = tx.execute("DELETE FROM jobs WHERE finished_at < ?1", vals![before])?;
    let sql = "DELETE FROM jobs WHERE finished_at IS NOT NULL AND number <= \
               (SELECT number FROM jobs ORDER BY number DESC LIMIT 1 OFFSET ?1)";
    Ok(old + tx.execute(sql, vals![keep])?)
}
