//! Work on backups that somebody asked for: begun, watched, cancelled, remembered.
//!
//! Invariants: a job is a row of the central file from before its work begins; how far it is stands in
//! memory only, so that a thousand steps are two writes; it goes on when whoever asked hangs up; a row
//! that says "open" and belongs to no work of this process is failed.

mod model;
mod store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::progress::{Progress, Step};

pub use model::{AskedBy, Filter, Job, Kind, NewJob, State};

/// Jobs that may be queued or running at once.
const OPEN_MAX: usize = 1000;
/// How long ended jobs are remembered, and how many at most.
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
const KEPT_MAX: i64 = 10_000;
/// How long a cancel waits for the step that is under way.
const STEP_PATIENCE: Duration = Duration::from_secs(5);
/// Why a job failed whose process is gone.
const INTERRUPTED: (&str, &str) = (
    "interrupted",
    "The server ended before it was done. Data that was to be replaced is as it was before or as it was to become.",
);

/// All jobs. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    shared: Arc<Shared>,
}

struct Shared {
    central: Db,
    clock: Clock,
    live: Mutex<HashMap<String, Live>>,
    tasks: TaskTracker,
}

/// A job of this process.
#[derive(Clone)]
struct Live {
    tenant: TenantId,
    asked_by: AskedBy,
    progress: Arc<Progress>,
    ended: CancellationToken,
}

/// A job that was begun, for the one who asked for it.
pub struct Begun<T> {
    /// As it was at its begin.
    pub job: Job,
    outcome: oneshot::Receiver<Result<T>>,
}

impl<T> Begun<T> {
    /// What came of the job; none when it takes longer than `patience`. It goes on then.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn within(self, patience: Duration) -> Result<Option<T>> {
        // Who wants no answer gets none, however quick it would be.
        if patience.is_zero() {
            return Ok(None);
        }
        match tokio::time::timeout(patience, self.outcome).await {
            Ok(Ok(outcome)) => outcome.map(Some),
            Ok(Err(_)) => Err(Error::internal(anyhow::anyhow!("a job broke off"))),
            Err(_) => Ok(None),
        }
    }
}

impl Jobs {
    /// Jobs that are written down in this central file.
    pub fn new(central: Db, clock: Clock) -> Self {
        let (live, tasks) = (Mutex::default(), TaskTracker::new());
        Self { shared: Arc::new(Shared { central, clock, live, tasks }) }
    }

    /// Marks what another process left open as failed. Call it once, before requests are served.
    ///
    /// # Errors
    /// When the central file cannot be read or written.
    pub async fn recover(&self) -> Result<()> {
        let open = Filter { state: Some(State::Running), ..Filter::default() };
        if self.shared.central.read(move |tx| store::list(tx, &open, 1)).await?.is_empty() {
            return Ok(());
        }
        let (now, (code, text)) = (self.shared.clock.now(), INTERRUPTED);
        let count = self.shared.central.write(move |tx| store::end_open(tx, code, text, now)).await?;
        tracing::warn!(jobs.count = count, "jobs were cut short by the end of the server");
        Ok(())
    }

    /// Begins a job. Its work is told how far to tell that it is.
    ///
    /// # Errors
    /// [`Error::Conflict`] `job_under_way` when a tenant asks for a second one; [`Error::Unavailable`];
    /// storage errors.
    pub async fn begin<T, F>(
        &self,
        new: NewJob,
        work: impl FnOnce(Arc<Progress>) -> F + Send + 'static,
    ) -> Result<Begun<T>>
    where
        T: Serialize + Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let open = self.open(&new)?;
        let (tell_begin, begun) = oneshot::channel();
        let (tell_outcome, outcome) = oneshot::channel();
        // Whoever asked may hang up at any moment, and no row may be left without its work.
        self.shared.tasks.spawn(async move {
            let shared = open.jobs.shared.clone();
            let (id, now) = (open.id.clone(), shared.clock.now());
            let mut job = match shared.central.write(move |tx| store::insert(tx, &id, &new, now)).await {
                Ok(job) => job,
                Err(error) => {
                    let _ = tell_begin.send(Err(error));
                    return;
                }
            };
            let _ = tell_begin.send(Ok(job.clone()));
            let outcome = work(open.live.progress.clone()).await;
            finish(&mut job, &open.live.progress, &outcome, &shared.clock);
            let noted = shared.central.write(move |tx: &mut Tx<'_>| store::end(tx, &job)).await;
            if let Err(error) = noted {
                tracing::error!(job.id = open.id, %error, "the end of a job could not be written down");
            }
            let id = open.id.clone();
            drop(open);
            if let Err(Err(error)) = tell_outcome.send(outcome) {
                // Nobody waits for the answer that would have told it.
                tracing::warn!(job.id = id, error.code = error.code(), %error, "job ended without a result");
            }
        });
        let job = begun.await.map_err(Error::internal)??;
        Ok(Begun { job, outcome })
    }

    /// Takes a place among the live jobs.
    fn open(&self, new: &NewJob) -> Result<Open> {
        let live = Live {
            tenant: new.tenant.clone(),
            asked_by: new.asked_by,
            progress: Arc::default(),
            ended: CancellationToken::new(),
        };
        let id = crate::id::uuid().to_string();
        let mut all = self.shared.live.lock();
        if all.len() >= OPEN_MAX {
            return Err(Error::Unavailable("too many jobs wait"));
        }
        let is_second = |other: &Live| other.asked_by == AskedBy::Tenant && other.tenant == new.tenant;
        if new.asked_by == AskedBy::Tenant && all.values().any(is_second) {
            return Err(Error::conflict(
                "job_under_way",
                "A backup or restore is under way. Wait for it, or cancel it.",
            ));
        }
        all.insert(id.clone(), live.clone());
        Ok(Open { jobs: self.clone(), id, live })
    }

    /// A job as it is at this moment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: &str) -> Result<Job> {
        self.as_it_is(self.row(id).await?).await
    }

    /// Jobs, newest first, and what to go on behind when there may be more. With the states `queued` and
    /// `running` there may be fewer than `limit` and more to come.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list(&self, filter: Filter, limit: i64) -> Result<(Vec<Job>, Option<String>)> {
        let state = filter.state;
        let rows = self.shared.central.read(move |tx| store::list(tx, &filter, limit)).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let next = rows.last().filter(|_| is_full).map(|job| job.id.clone());
        let mut jobs = Vec::new();
        for row in rows {
            let job = self.as_it_is(row).await?;
            if state.is_none_or(|state| state == job.state) {
                jobs.push(job);
            }
        }
        Ok((jobs, next))
    }

    async fn row(&self, id: &str) -> Result<Job> {
        let id = id.to_owned();
        self.shared.central.read(move |tx| store::get(tx, &id)).await
    }

    /// A row with what only memory knows of it. A job leaves the live ones after its row has its end, so
    /// a row that is open and of none of them was read too early, or nobody works at it.
    async fn as_it_is(&self, mut job: Job) -> Result<Job> {
        if job.state.is_end() {
            return Ok(job);
        }
        let Some(Live { progress, .. }) = self.find_live(&job.id) else {
            let mut job = self.row(&job.id).await?;
            if !job.state.is_end() {
                job.state = State::Failed;
                job.error = Some((INTERRUPTED.0.into(), INTERRUPTED.1.into()));
            }
            return Ok(job);
        };
        let (now, running_for) = (self.shared.clock.now(), progress.running_for());
        job.percent = progress.percent();
        job.step = Some(progress.step()).filter(|step| *step != Step::Waiting);
        job.started_at = running_for.map(|ago| now.minus(ago));
        job.state = if running_for.is_some() { State::Running } else { State::Queued };
        Ok(job)
    }

    /// Asks a job to end without a result and waits a moment for it. Gives the job as it is then.
    ///
    /// # Errors
    /// [`Error::Conflict`] `job_ended`, `job_committed`; [`Error::NotFound`].
    pub async fn cancel(&self, id: &str) -> Result<Job> {
        let Some(live) = self.find_live(id) else {
            self.get(id).await?;
            return Err(Error::conflict("job_ended", "The job has ended already."));
        };
        if !live.progress.cancel() {
            let text = "The job is past the point where it could be cancelled: it is done to its end.";
            return Err(Error::conflict("job_committed", text));
        }
        let _ = tokio::time::timeout(STEP_PATIENCE, live.ended.cancelled()).await;
        self.get(id).await
    }

    /// Forgets jobs that ended long ago; gives how many.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn prune(&self) -> Result<usize> {
        let before = self.shared.clock.now().minus(KEPT_FOR);
        self.shared.central.write(move |tx| store::prune(tx, before, KEPT_MAX)).await
    }

    /// Ends what is under way or waits, without results unless it is past its point of no return, and
    /// waits for it.
    pub async fn shut_down(&self) {
        self.shared.live.lock().values().for_each(|live| live.progress.stop());
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    fn find_live(&self, id: &str) -> Option<Live> {
        self.shared.live.lock().get(id).cloned()
    }
}

/// A job's place among the live ones until this is dropped.
struct Open {
    jobs: Jobs,
    id: String,
    live: Live,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.jobs.shared.live.lock().remove(&self.id);
        self.live.ended.cancel();
    }
}

/// Puts the end into a job.
fn finish<T: Serialize>(job: &mut Job, progress: &Progress, outcome: &Result<T>, clock: &Clock) {
    let now = clock.now();
    job.finished_at = Some(now);
    job.started_at = progress.running_for().map(|ago| now.minus(ago));
    job.percent = progress.percent();
    match outcome {
        Ok(result) => {
            (job.state, job.percent) = (State::Succeeded, 100);
            job.result = serde_json::to_string(result).ok();
        }
        Err(error) => {
            job.state = if error.code() == "cancelled" { State::Cancelled } else { State::Failed };
            job.error = Some((error.code().into(), error.to_string()));
        }
    }
}
