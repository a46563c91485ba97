//! Leaving an idle file as one complete `.db`: operators copy tenant files, and a copy without
//! its write-ahead log lacks the last writes.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{DbError, Result};

use super::Db;

impl Db {
    /// True when the file was written, not tidied since, and not written for `idle`.
    pub fn wants_tidying(&self, idle: Duration) -> bool {
        let last_write = self.shared.last_write_ms.load(Ordering::Relaxed);
        let idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        !self.shared.is_tidy.load(Ordering::Relaxed) && super::uptime_ms().saturating_sub(last_write) >= idle_ms
    }

    /// True when nothing was written for `idle`.
    pub fn is_write_idle(&self, idle: Duration) -> bool {
        let last_write = self.shared.last_write_ms.load(Ordering::Relaxed);
        super::uptime_ms().saturating_sub(last_write) >= u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)
    }

    /// Gives free pages back, refreshes the planner's statistics and empties the write-ahead log.
    /// Blocks.
    ///
    /// # Errors
    /// [`DbError::Busy`] when readers or another program still need the log: try again later.
    pub fn tidy(&self) -> Result<(), DbError> {
        let connection = self.shared.writers.get(Instant::now() + Duration::from_secs(3))?;
        self.shared.is_tidy.store(true, Ordering::Relaxed);
        let outcome = connection
            .run_batch("PRAGMA optimize; PRAGMA incremental_vacuum(1000);")
            .and_then(|()| checkpoint(&connection));
        if outcome.is_err() {
            self.shared.is_tidy.store(false, Ordering::Relaxed);
        }
        outcome
    }
}

/// Moves the whole write-ahead log into the file and truncates it.
fn checkpoint(connection: &super::connection::Connection) -> Result<(), DbError> {
    match connection.integer("PRAGMA wal_checkpoint(TRUNCATE)")? {
        0 => Ok(()),
        _ => Err(DbError::Busy),
    }
}
