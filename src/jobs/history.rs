//! Runs of jobs that must neither be forgotten nor made twice, in the central file.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::vals;

/// The last run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// When it began.
    pub started_at: Timestamp,
    /// How it ended; none when the process ended in the middle of it.
    pub end: Option<End>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Whether all went well.
    pub is_ok: bool,
    /// What was done, for people.
    pub detail: String,
}

/// The detail of the row that a schedule begins with, which is no run.
pub const BEGIN: &str = "the schedule begins";

impl LastRun {
    /// True for the row that only says from when on the schedule counts.
    pub fn is_begin(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.detail == BEGIN)
    }
}

/// The last run of this job.
///
/// # Errors
/// Storage errors.
pub fn last(tx: &mut Tx<'_>, job: &str) -> Result<Option<LastRun>> {
    let sql = "SELECT started_at, outcome, coalesce(detail, '') FROM job_runs WHERE job = ?1 ORDER BY id DESC LIMIT 1";
    Ok(tx.query_opt(sql, vals![job], |row| {
        let end = match row.text(1)? {
            "running" => None,
            outcome => Some(End { is_ok: outcome == "ok", detail: row.get(2)? }),
        };
        Ok(LastRun { started_at: row.get(0)?, end })
    })?)
}

/// How often this job began since then, this moment included.
///
/// # Errors
/// Storage errors.
pub fn begun_since(tx: &mut Tx<'_>, job: &str, since: Timestamp, now: Timestamp) -> Result<usize> {
    let sql = "SELECT count(*) FROM job_runs WHERE job = ?1 AND started_at BETWEEN ?2 AND ?3";
    let count = tx.query_one(sql, vals![job, since, now], |row| row.get::<i64>(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// When this job ran for the first time.
///
/// # Errors
/// Storage errors.
pub fn first_begun_at(tx: &mut Tx<'_>, job: &str) -> Result<Option<Timestamp>> {
    Ok(tx.query_one("SELECT min(started_at) FROM job_runs WHERE job = ?1", vals![job], |row| row.get(0))?)
}

/// Writes down that a run begins; gives its id. What was cut short before is failed.
///
/// # Errors
/// Storage errors.
pub fn begin(tx: &mut Tx<'_>, job: &str, now: Timestamp) -> Result<i64> {
    let cut = "UPDATE job_runs SET outcome = 'failed', finished_at = ?2, detail = 'the server ended before it was done' \
               WHERE job = ?1 AND outcome = 'running'";
    tx.execute(cut, vals![job, now])?;
    let sql = "INSERT INTO job_runs (job, started_at, outcome) VALUES (?1, ?2, 'running')";
    Ok(tx.insert(sql, vals![job, now])?)
}

/// Writes down how a run ended.
///
/// # Errors
/// Storage errors.
pub fn end(tx: &mut Tx<'_>, id: i64, is_ok: bool, detail: &str, now: Timestamp) -> Result<()> {
    let outcome = if is_ok { "ok" } else { "failed" };
    let sql = "UPDATE job_runs SET outcome = ?2, detail = ?3, finished_at = ?4 WHERE id = ?1";
    tx.execute(sql, vals![id, outcome, detail, now])?;
    Ok(())
}
