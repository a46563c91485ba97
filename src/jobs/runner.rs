//! Runs jobs at their intervals until the server stops.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;

type Work = Box<dyn Fn(App) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// A job: its name, its interval, its work.
pub struct Job {
    name: &'static str,
    first: Duration,
    every: Duration,
    can_break_off: bool,
    work: Work,
}

impl Job {
    /// A job that runs each time this long after its last run ended.
    pub fn every<F, Fut>(name: &'static str, every: Duration, work: F) -> Self
    where
        F: Fn(App) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let work: Work = Box::new(move |app| Box::pin(work(app)));
        Self { name, first: every, every, can_break_off: false, work }
    }

    /// The same job, run for the first time this long after the start.
    #[must_use]
    pub fn first_after(self, first: Duration) -> Self {
        Self { first, ..self }
    }

    /// The same job, which loses nothing when a stop breaks it off wherever it waits.
    #[must_use]
    pub fn that_can_break_off(self) -> Self {
        Self { can_break_off: true, ..self }
    }
}

/// How a job fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    /// Its name.
    pub name: &'static str,
    /// When it last ended.
    pub last_run_at: Option<Timestamp>,
    /// Why it last failed, until it succeeds again.
    pub error: Option<String>,
}

/// Running jobs.
pub struct Jobs {
    tasks: JoinSet<()>,
    statuses: Arc<Mutex<Vec<JobStatus>>>,
    stop: CancellationToken,
}

impl Jobs {
    /// Starts the jobs.
    pub fn start(app: &App, jobs: Vec<Job>) -> Self {
        let stop = CancellationToken::new();
        let statuses = jobs.iter().map(|job| JobStatus { name: job.name, last_run_at: None, error: None }).collect();
        let statuses = Arc::new(Mutex::new(statuses));
        let mut tasks = JoinSet::new();
        for (index, job) in jobs.into_iter().enumerate() {
            tasks.spawn(repeat(app.clone(), job, index, statuses.clone(), stop.clone()));
        }
        Self { tasks, statuses, stop }
    }

    /// How all jobs fared.
    pub fn statuses(&self) -> Vec<JobStatus> {
        self.statuses.lock().clone()
    }

    /// Lets running jobs end, but for those that can break off, and starts none anew.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// How a job went that was run once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its name.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Why it failed.
    pub error: Option<String>,
}

/// Runs every job once, one after the other.
pub async fn run_once(app: &App, jobs: Vec<Job>) -> Vec<Ran> {
    let mut all = Vec::new();
    for job in jobs {
        let begun = Instant::now();
        let error = (job.work)(app.clone()).await.err().map(|error| error.to_string());
        all.push(Ran { name: job.name, took: begun.elapsed(), error });
    }
    all
}

async fn repeat(app: App, job: Job, index: usize, statuses: Arc<Mutex<Vec<JobStatus>>>, stop: CancellationToken) {
    let mut pause = job.first;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = job.every;
        let outcome = tokio::select! {
            () = stop.cancelled(), if job.can_break_off => return,
            outcome = (job.work)(app.clone()) => outcome,
        };
        let error = outcome.err().map(|error| error.to_string());
        let mut statuses = statuses.lock();
        // Once per failure, not once per run.
        if let Some(text) = error.as_deref().filter(|_| statuses[index].error.is_none()) {
            tracing::warn!(job = job.name, error = text, "job failed; it will be tried again");
        }
        statuses[index] = JobStatus { name: job.name, last_run_at: Some(app.clock.now()), error };
    }
}
