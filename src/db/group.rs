//! Group commit: concurrent writes of one file share a transaction and one wait for the disk.
//!
//! Writes queue up; whoever finds the file unscheduled hands it to the writer threads, where one
//! thread at a time drains the queue: `BEGIN IMMEDIATE`, each closure, one `COMMIT`, then all are
//! answered. A closure that fails leaves nothing behind and costs its neighbours nothing. Nobody waits
//! for a timer.

mod batch;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{DbError, Error, Result};

use super::Shared;
use super::tx::Tx;

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
    batch::run(db, &connection)
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

impl Shared {
    pub(super) fn committed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.is_tidy.store(false, Ordering::Relaxed);
        self.last_write_ms.store(super::uptime_ms(), Ordering::Relaxed);
    }
}
