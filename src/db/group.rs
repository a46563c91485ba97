//! Group commit: concurrent writes of one file share a transaction and one wait for the disk.
//!
//! Writes queue up; whoever finds the file unscheduled hands it to the writer threads, where one
//! thread at a time drains the queue: `BEGIN IMMEDIATE`, each closure, one `COMMIT`, then all are
//! answered. A closure that fails leaves nothing behind and costs its neighbours nothing. Nobody waits
//! for a timer.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{DbError, Error, Result};

use super::Shared;
use super::connection::Connection;
use super::tx::Tx;

/// A batch ends after this many closures ...
const BATCH_CLOSURES: usize = 256;
/// ... or this much time, so that the first of them does not wait for ever.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// Pauses while another program holds the file.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_LONGEST: Duration = Duration::from_millis(500);

/// The queue of writes of one file.
#[derive(Default)]
pub(super) struct Group {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    /// A writer thread drains the queue, or will.
    is_scheduled: bool,
    gate: Gate,
}

/// Whether writes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Gate {
    #[default]
    Open,
    /// They wait: the file is about to be replaced.
    Held,
    /// They have waited long enough.
    Refusing,
}

/// A queued write, its result type erased.
trait Job: Send {
    /// Runs the closure once; the result is kept. `Err` means: undo what it wrote.
    fn run(&mut self, tx: &mut Tx<'_>) -> std::result::Result<(), ()>;
    /// Gives the kept result to the caller, or this failure instead.
    fn settle(self: Box<Self>, failure: Option<DbError>);
    /// Gives the caller the failure that the closure told, or [`DbError::Timeout`] where it told none:
    /// nothing of it stands.
    fn settle_lost(self: Box<Self>);
    fn deadline(&self) -> Instant;
    /// Gives it more time: it waited for no fault of its own.
    fn extend(&mut self, deadline: Instant);
}

struct Write<T, F> {
    work: F,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
    deadline: Instant,
}

impl<T: Send, F: Fn(&mut Tx<'_>) -> Result<T> + Send> Job for Write<T, F> {
    fn run(&mut self, tx: &mut Tx<'_>) -> std::result::Result<(), ()> {
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)))
            .unwrap_or_else(|panic| Err(Error::internal(anyhow::anyhow!("a write panicked: {}", panic_text(&*panic)))));
        let outcome = result.as_ref().map(|_| ()).map_err(|_| ());
        self.result = Some(result);
        outcome
    }

    fn settle(self: Box<Self>, failure: Option<DbError>) {
        let Self { work, result, reply, .. } = *self;
        let result = failure.map(|error| Err(Error::Db(error))).or(result);
        // What the closure holds may act at its end; it ends once the outcome stands, and before
        // the caller hears of it.
        drop(work);
        // The caller may have gone away; its write stands all the same.
        let _ = reply.send(result.unwrap_or(Err(Error::Db(DbError::Timeout))));
    }

    fn settle_lost(self: Box<Self>) {
        let failure = matches!(self.result, Some(Ok(_))).then_some(DbError::Timeout);
        self.settle(failure);
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn extend(&mut self, deadline: Instant) {
        self.deadline = self.deadline.max(deadline);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

/// Queues a write and waits until it is committed or refused.
pub(super) async fn write<T, F>(db: &Arc<Shared>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    let options = &db.engine.0.options;
    let (reply, answer) = oneshot::channel();
    let job = Box::new(Write { work, result: None, reply, deadline: Instant::now() + options.write_timeout });
    let must_schedule = {
        let mut queue = db.group.queue.lock();
        if queue.gate == Gate::Refusing {
            return Err(DbError::Restoring.into());
        }
        if queue.jobs.len() >= options.writes_queued_max {
            return Err(DbError::Overloaded.into());
        }
        queue.jobs.push_back(job);
        queue.gate == Gate::Open && !std::mem::replace(&mut queue.is_scheduled, true)
    };
    if must_schedule {
        schedule(db.clone(), Duration::ZERO, PAUSE_FIRST);
    }
    answer.await.map_err(|_| Error::internal(anyhow::anyhow!("a write was dropped unanswered")))?
}

fn schedule(db: Arc<Shared>, delay: Duration, next_pause: Duration) {
    let engine = db.engine.clone();
    if delay.is_zero() {
        let refused = db.clone();
        if let Err(error) = engine.0.writers.submit(move || drain(&db, next_pause)) {
            fail_all(&refused, &error);
        }
    } else {
        engine.0.writers.submit_after(delay, move || drain(&db, next_pause));
    }
}

impl Group {
    /// Lets no further write begin; new ones queue up.
    pub(super) fn hold(&self) {
        self.queue.lock().gate = Gate::Held;
    }

    /// True while a batch is under way.
    pub(super) fn is_at_work(&self) -> bool {
        self.queue.lock().is_scheduled
    }

    /// Refuses what waits and what comes until [`release`].
    pub(super) fn refuse_held(&self) {
        let jobs = {
            let mut queue = self.queue.lock();
            queue.gate = Gate::Refusing;
            std::mem::take(&mut queue.jobs)
        };
        for job in jobs {
            job.settle(Some(DbError::Restoring));
        }
    }
}

/// Lets writes run again after [`Group::hold`].
pub(super) fn release(db: &Arc<Shared>) {
    let deadline = Instant::now() + db.engine.0.options.write_timeout;
    let must_schedule = {
        let mut queue = db.group.queue.lock();
        queue.gate = Gate::Open;
        queue.jobs.iter_mut().for_each(|job| job.extend(deadline));
        !queue.jobs.is_empty() && !std::mem::replace(&mut queue.is_scheduled, true)
    };
    if must_schedule {
        schedule(db.clone(), Duration::ZERO, PAUSE_FIRST);
    }
}

/// True when a thread may go on with the queue; else it is not scheduled any more.
fn may_drain(db: &Shared) -> bool {
    let mut queue = db.group.queue.lock();
    queue.is_scheduled = queue.gate == Gate::Open && !queue.jobs.is_empty();
    queue.is_scheduled
}

/// Commits what waits, batch by batch; hands the file on when another one waits for a thread.
fn drain(db: &Arc<Shared>, next_pause: Duration) {
    let _at_panic = FailAllAtPanic(db);
    while may_drain(db) {
        refuse_expired(db);
        match drain_batch(db) {
            Ok(()) => {}
            Err(DbError::Busy | DbError::Timeout) => return pause(db, next_pause),
            Err(error) => return fail_all(db, &error),
        }
        if db.engine.0.writers.are_wanted() {
            if may_drain(db) {
                schedule(db.clone(), Duration::ZERO, PAUSE_FIRST);
            }
            return;
        }
    }
}

/// A panic outside of a closure must not leave a file that no thread drains any more.
struct FailAllAtPanic<'a>(&'a Shared);

impl Drop for FailAllAtPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fail_all(self.0, &DbError::Other("a database thread panicked".into()));
        }
    }
}

/// Commits one batch.
///
/// # Errors
/// Only when nothing was taken from the queue.
fn drain_batch(db: &Shared) -> std::result::Result<(), DbError> {
    let connection = db.writers.get(Instant::now() + db.engine.0.options.write_timeout)?;
    db.place.check()?;
    commit_batch(db, &connection)
}

/// Another program holds the file: leaves the thread to others and comes back.
fn pause(db: &Arc<Shared>, pause: Duration) {
    refuse_expired(db);
    if may_drain(db) {
        schedule(db.clone(), pause, (pause * 2).min(PAUSE_LONGEST));
    }
}

fn refuse_expired(db: &Shared) {
    let now = Instant::now();
    let expired = {
        let mut queue = db.group.queue.lock();
        // All wait equally long, so the expired ones stand in front.
        let count = queue.jobs.iter().take_while(|job| job.deadline() <= now).count();
        queue.jobs.drain(..count).collect::<Vec<_>>()
    };
    for job in expired {
        job.settle(Some(DbError::Busy));
    }
}

fn fail_all(db: &Shared, error: &DbError) {
    if *error == DbError::ReadOnly {
        db.place.note_refusal();
    }
    let jobs = {
        let mut queue = db.group.queue.lock();
        queue.is_scheduled = false;
        std::mem::take(&mut queue.jobs)
    };
    for job in jobs {
        job.settle(Some(error.clone()));
    }
}

/// Runs and commits one batch.
///
/// # Errors
/// Only when nothing was taken from the queue, or all of it put back: the transaction could not begin.
fn commit_batch(db: &Shared, connection: &Connection) -> std::result::Result<(), DbError> {
    connection.clear_deadline();
    connection.bound_pages(db.max_pages.load(Ordering::Relaxed))?;
    connection.run("BEGIN IMMEDIATE")?;
    let started = Instant::now();
    let mut batch: Vec<Box<dyn Job>> = Vec::new();
    let (mut has_written, mut is_guarded) = (false, false);
    while batch.len() < BATCH_CLOSURES && started.elapsed() < BATCH_TIME {
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

fn commit(connection: &Connection) -> std::result::Result<(), DbError> {
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
fn run_one(connection: &Connection, job: &mut dyn Job, guarded: bool) -> std::result::Result<Ran, DbError> {
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
fn begin_again(connection: &Connection, batch: &mut [Box<dyn Job>]) -> std::result::Result<bool, DbError> {
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

impl Shared {
    pub(super) fn committed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.is_tidy.store(false, Ordering::Relaxed);
        self.last_write_ms.store(super::uptime_ms(), Ordering::Relaxed);
    }
}
