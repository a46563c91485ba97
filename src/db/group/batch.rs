//! One batch of writes: the closures of a queue in one transaction, each with an outcome of its own.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::db::Shared;
use crate::db::connection::Connection;
use crate::db::tx::Tx;
use crate::error::DbError;

use super::Job;

/// A batch ends after this many closures ...
const CLOSURES: usize = 256;
/// ... or this much time, so that the first of them does not wait for ever.
const TIME: Duration = Duration::from_millis(20);

/// Runs and commits one batch.
///
/// # Errors
/// Only when nothing was taken from the queue, or all of it put back: the transaction could not begin.
pub(super) fn run(db: &Shared, connection: &Connection) -> Result<(), DbError> {
    connection.clear_deadline();
    connection.bound_pages(db.max_pages.load(Ordering::Relaxed))?;
    connection.run("BEGIN IMMEDIATE")?;
    let started = Instant::now();
    let mut batch: Vec<Box<dyn Job>> = Vec::new();
    let (mut has_written, mut is_guarded) = (false, false);
    while batch.len() < CLOSURES && started.elapsed() < TIME {
        let Some(mut job) = db.group.queue.lock().jobs.pop_front() else { break };
        let ran = run_one(connection, &mut *job, is_guarded);
        match ran {
            Ok(Ran::EndedAll) => job.settle_lost(),
            _ => batch.push(job),
        }
        let outcome = match ran {
            Ok(Ran::Stands) => Ok(true),
            Ok(Ran::Undone) => Ok(has_written),
            Ok(Ran::Spoilt | Ran::EndedAll) => {
                is_guarded = true;
                begin_again(connection, &mut batch)
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(does_write) => has_written = does_write,
            Err(DbError::Busy) => {
                connection.roll_back();
                put_back(db, batch);
                return Err(DbError::Busy);
            }
            Err(error) => {
                connection.roll_back();
                settle_all(batch, Some(&error));
                return Ok(());
            }
        }
    }
    connection.clear_deadline();
    match commit(connection) {
        Ok(()) => {
            if has_written {
                db.committed();
            }
            settle_all(batch, None);
        }
        Err(DbError::ForeignKey | DbError::Unique(_) | DbError::Check(_) | DbError::NotNull(_)) => {
            connection.roll_back();
            replay_singly(db, connection, batch);
        }
        Err(error) => {
            connection.roll_back();
            settle_all(batch, Some(&error));
        }
    }
    Ok(())
}

fn commit(connection: &Connection) -> Result<(), DbError> {
    connection.run("COMMIT")
}

/// What became of a closure inside the transaction.
#[derive(Clone, Copy)]
enum Ran {
    /// What it wrote stands.
    Stands,
    /// It failed by itself, and nothing of it is left.
    Undone,
    /// It failed by itself, and what it wrote is still there.
    Spoilt,
    /// The engine undid the whole transaction because of it, as when a statement is interrupted that
    /// has begun to write.
    EndedAll,
}

/// Runs one closure inside the open transaction, behind a savepoint if it is to be `guarded`.
///
/// A savepoint costs a copy of every page that is written behind it. Few closures fail, and most of
/// those before they write, so at first nothing is guarded, and a closure that fails after it wrote
/// has the batch begun again.
///
/// # Errors
/// When the transaction as a whole is lost.
fn run_one(connection: &Connection, job: &mut dyn Job, guarded: bool) -> Result<Ran, DbError> {
    if guarded {
        connection.run("SAVEPOINT one")?;
    }
    connection.set_deadline(job.deadline().max(Instant::now() + Duration::from_secs(1)));
    let changes_before = connection.raw.total_changes();
    let mut tx = Tx::of_group(&connection.raw);
    let outcome = job.run(&mut tx);
    connection.clear_deadline();
    if let Some(error) = tx.fatal() {
        return Err(error.clone());
    }
    if connection.raw.is_autocommit() {
        return Ok(Ran::EndedAll);
    }
    match (outcome, guarded) {
        (Ok(()), true) => connection.run("RELEASE one").map(|()| Ran::Stands),
        (Ok(()), false) => Ok(Ran::Stands),
        (Err(()), true) => {
            connection.run("ROLLBACK TO one").and_then(|()| connection.run("RELEASE one")).map(|()| Ran::Undone)
        }
        (Err(()), false) if connection.raw.total_changes() == changes_before => Ok(Ran::Undone),
        (Err(()), false) => Ok(Ran::Spoilt),
    }
}

/// Undoes the batch so far and runs it once more, guarded; true when something of it stands.
///
/// # Errors
/// [`DbError::Busy`] when another program took the lock in between; else the transaction as a whole is
/// lost.
fn begin_again(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<bool, DbError> {
    connection.roll_back();
    connection.run("BEGIN IMMEDIATE")?;
    let mut has_written = false;
    for job in batch {
        match run_one(connection, &mut **job, true)? {
            Ran::Stands => has_written = true,
            Ran::Undone | Ran::Spoilt => {}
            Ran::EndedAll => return Err(DbError::Timeout),
        }
    }
    Ok(has_written)
}

/// A constraint checked at COMMIT failed: finds the guilty closure by giving each its own
/// transaction.
fn replay_singly(db: &Shared, connection: &Connection, batch: Vec<Box<dyn Job>>) {
    let mut rest = batch.into_iter();
    while let Some(mut job) = rest.next() {
        match connection.run("BEGIN IMMEDIATE") {
            Ok(()) => {}
            Err(DbError::Busy) => return put_back(db, std::iter::once(job).chain(rest).collect()),
            Err(error) => {
                job.settle(Some(error));
                continue;
            }
        }
        let outcome = match run_one(connection, &mut *job, true) {
            Ok(Ran::EndedAll) => {
                job.settle_lost();
                continue;
            }
            Ok(ran) => commit(connection).map(|()| ran),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(ran) => {
                if matches!(ran, Ran::Stands) {
                    db.committed();
                }
                job.settle(None);
            }
            Err(error) => {
                connection.roll_back();
                job.settle(Some(error));
            }
        }
    }
}

/// Puts jobs in front of the queue again, in their order.
fn put_back(db: &Shared, batch: Vec<Box<dyn Job>>) {
    let mut queue = db.group.queue.lock();
    for job in batch.into_iter().rev() {
        queue.jobs.push_front(job);
    }
}

fn settle_all(batch: Vec<Box<dyn Job>>, failure: Option<&DbError>) {
    for job in batch {
        job.settle(failure.cloned());
    }
}
