//! What all open databases of the process share: their threads and their limits.

use std::sync::Arc;
use std::time::Duration;

use scheduled_thread_pool::ScheduledThreadPool;

use crate::error::{Error, Result};

use super::workers::Workers;

/// Limits of every database of the process.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Threads for reads that do not fit the async worker, and as many again for writes.
    pub threads: usize,
    /// How long one read may take.
    pub read_timeout: Duration,
    /// How long a write may wait and run.
    pub write_timeout: Duration,
    /// Writes that may wait for one file.
    pub writes_queued_max: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            threads: (cores * 2).max(4),
            read_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            writes_queued_max: 4096,
        }
    }
}

/// Threads and limits shared by all open databases. One per process; cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) options: EngineOptions,
    pub(super) readers: Workers,
    pub(super) writers: Workers,
    /// r2d2's housekeeping. One thread would let a slow open block all other files.
    pub(super) pool_threads: Arc<ScheduledThreadPool>,
}

/// The oldest SQLite whose write-ahead log is free of the reset bug fixed in 3.51.3.
const OLDEST_SQLITE: i32 = 3_051_003;

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the operating system refuses a thread, or the linked SQLite is too old.
    pub fn start(options: EngineOptions) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(Error::internal(anyhow::anyhow!("SQLite {} is older than 3.51.3", rusqlite::version())));
        }
        Ok(Self(Arc::new(Shared {
            readers: Workers::start("db-read", options.threads, 10_000).map_err(Error::internal)?,
            writers: Workers::start("db-write", options.threads, 100_000).map_err(Error::internal)?,
            pool_threads: Arc::new(
                ScheduledThreadPool::builder().num_threads(4).thread_name_pattern("db-pool-{}").build(),
            ),
            options,
        })))
    }

    /// Runs blocking database work that is neither a read nor a write of a closure: opening,
    /// copying, renaming files.
    ///
    /// # Errors
    /// Those of `work`; [`crate::error::DbError::Overloaded`] when too much waits.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.0.readers.submit(move || {
            let _ = sender.send(work());
        })?;
        receiver.await.map_err(|_| Error::internal(anyhow::anyhow!("database work panicked")))?
    }

    /// The limits.
    pub fn options(&self) -> &EngineOptions {
        &self.0.options
    }
}
