//! Replacing what is in a live file: its writers wait, its readers go on.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};

use crate::error::{DbError, Error, Result};

use super::failure::db_error;
use super::pool::Loan;
use super::{Db, PAGES_UNLIMITED, Shared, group};

const POLL: Duration = Duration::from_millis(2);
/// How long a batch that is under way may still take.
const PATIENCE: Duration = Duration::from_secs(15);
const ALL_PAGES: i32 = -1;

/// Holds the writers of a file. Dropped, they go on.
pub struct HeldWrites {
    db: Arc<Shared>,
}

impl Drop for HeldWrites {
    fn drop(&mut self) {
        group::release(&self.db);
    }
}

impl Db {
    /// Holds the writers: what is under way ends, what comes waits until the guard is dropped.
    ///
    /// # Errors
    /// [`DbError::Timeout`] when the last batch does not end.
    pub async fn hold_writes(&self) -> Result<HeldWrites> {
        self.shared.group.hold();
        let held = HeldWrites { db: self.shared.clone() };
        let deadline = Instant::now() + PATIENCE;
        while self.shared.group.is_at_work() {
            if Instant::now() >= deadline {
                return Err(DbError::Timeout.into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(held)
    }
}

impl HeldWrites {
    /// Refuses the writes that wait, and those that come from now on, with [`DbError::Restoring`].
    pub fn refuse(&self) {
        self.db.group.refuse_held();
    }

    /// Replaces everything in the live file by what is in the closed file `from`, in one
    /// transaction: after a crash the file is as before or as after. Readers see the old content
    /// until their transaction ends. Blocks.
    ///
    /// # Errors
    /// Any [`DbError`]; the file is as it was then.
    #[allow(clippy::disallowed_methods, reason = "the source belongs to no pool")]
    pub fn overwrite(&self, from: &Path) -> Result<(), DbError> {
        let mut writer = self.writer()?;
        self.db.place.check()?;
        // The restored content may be larger than a limit that was set later.
        writer.bound_pages(PAGES_UNLIMITED)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = rusqlite::Connection::open_with_flags(from, flags).map_err(|error| db_error(&error))?;
        writer.raw.flush_prepared_statement_cache();
        let copied = Backup::new(&source, &mut writer.raw).and_then(|copy| copy.step(ALL_PAGES));
        match copied.map_err(|error| db_error(&error))? {
            StepResult::Done => {}
            _ => return Err(DbError::Busy),
        }
        self.db.committed();
        // Readers may still need the log; then it shrinks at the next quiet moment.
        let _ = writer.integer("PRAGMA wal_checkpoint(TRUNCATE)");
        Ok(())
    }

    fn writer(&self) -> Result<Loan, DbError> {
        self.db.writers.get(Instant::now() + PATIENCE)
    }
}

/// Runs `work` while the writers of `db` are held; past `patience` they are refused instead of kept
/// waiting, and `work` goes on.
///
/// # Errors
/// Those of `work`; [`DbError::Timeout`] when the writers cannot be held.
pub async fn while_held<T: Send + 'static>(
    db: &Db,
    patience: Duration,
    work: impl FnOnce(&HeldWrites) -> Result<T> + Send + 'static,
) -> Result<T> {
    let held = Arc::new(db.hold_writes().await?);
    let worker = held.clone();
    let mut task = tokio::task::spawn_blocking(move || work(&worker));
    let outcome = tokio::select! {
        outcome = &mut task => outcome,
        () = tokio::time::sleep(patience) => {
            held.refuse();
            task.await
        }
    };
    outcome.map_err(Error::internal)?
}
