//! A consistent copy of a live file, made while it is read and written.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};

use crate::error::{DbError, Result};

use super::closed::{io_error, remove_closed};
use super::connection::{Connection, Durability, Role};
use super::failure::db_error;
use super::inspect::log_bytes;
use super::stamp::Whose;

const PAGES_PER_STEP: i32 = 256;
/// All pages in one step.
const UNBROKEN: i32 = -1;
/// Bytes after which a copy is sent to the disk, so that no commit of others waits for a whole file.
const FLUSH_BYTES: u64 = 16 * 1024 * 1024;

/// Pages of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// Copied so far.
    pub pages_done: u64,
    /// In all.
    pub pages: u64,
}

/// How a copy ended without one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The watcher asked for the end.
    #[error("stopped")]
    Stopped,
    /// The write-ahead log of the live file grew past its bound, for as long as a copy is made it
    /// cannot be folded in.
    #[error(
        "the write-ahead log grew to {log_bytes} bytes while the file was copied; more than {max_bytes} are not allowed"
    )]
    WalLimit {
        /// Its size.
        log_bytes: u64,
        /// Its bound.
        max_bytes: u64,
    },
    /// Anything else.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Copies the live file at `from` to the new file `to`, which is on the disk then. Blocks.
///
/// # Errors
/// Any [`DbError`]; nothing stays at `to` then.
pub fn copy_live(from: &Path, to: &Path) -> Result<(), DbError> {
    snapshot(from, to, u64::MAX, &mut |_| true).map_err(|error| match error {
        CopyError::Db(error) => error,
        other => DbError::Other(other.to_string()),
    })
}

/// As [`copy_live`], watched: `watch` is told after every step and ends the copy by `false`. When
/// the write-ahead log passes `log_bytes_max` the copy is given up and tried once more with all
/// pages in one step, which is the shortest time it can take.
///
/// # Errors
/// [`CopyError`]; nothing stays at `to` then.
pub fn snapshot(
    from: &Path,
    to: &Path,
    log_bytes_max: u64,
    watch: &mut dyn FnMut(CopyProgress) -> bool,
) -> Result<(), CopyError> {
    let mut outcome = copy(from, to, PAGES_PER_STEP, log_bytes_max, watch);
    if matches!(outcome, Err(CopyError::WalLimit { .. })) {
        let _ = remove_closed(to);
        outcome = copy(from, to, UNBROKEN, log_bytes_max, watch);
    }
    if outcome.is_err() {
        let _ = remove_closed(to);
    }
    outcome
}

#[allow(clippy::disallowed_methods, reason = "a copy's two ends belong to no pool")]
fn copy(
    from: &Path,
    to: &Path,
    pages_per_step: i32,
    log_bytes_max: u64,
    watch: &mut dyn FnMut(CopyProgress) -> bool,
) -> Result<(), CopyError> {
    let read = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = rusqlite::Connection::open_with_flags(from, read).map_err(|error| db_error(&error))?;
    // Whose it is shows the copy; the original stays as it is, whatever it is.
    let source = Connection::prepare(source, Role::Reader, Durability::Full, &Whose::Anyones)?.raw;
    // Of a disk that takes no new file SQLite says no more than that it cannot open.
    File::create_new(to).map_err(|error| io_error(&error))?;
    let begin = || -> rusqlite::Result<rusqlite::Connection> {
        source.busy_timeout(Duration::from_secs(5))?;
        // Held until the end: without it, a write through any other connection makes the online
        // backup start again from the first page.
        source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
        let write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let target = rusqlite::Connection::open_with_flags(to, write)?;
        target.execute_batch("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF;")?;
        Ok(target)
    };
    let mut target = begin().map_err(|error| db_error(&error))?;
    let on_disk = File::open(to).map_err(|error| io_error(&error))?;
    let backup = Backup::new(&source, &mut target).map_err(|error| db_error(&error))?;
    let mut flushed = 0;
    loop {
        let step = backup.step(pages_per_step).map_err(|error| db_error(&error))?;
        let progress = progress(&backup);
        if !watch(progress) {
            return Err(CopyError::Stopped);
        }
        if step == StepResult::Done {
            break;
        }
        if step != StepResult::More {
            return Err(DbError::Busy.into());
        }
        let log_bytes = log_bytes(from);
        if pages_per_step != UNBROKEN && log_bytes > log_bytes_max {
            return Err(CopyError::WalLimit { log_bytes, max_bytes: log_bytes_max });
        }
        if (progress.pages_done - flushed) * 4096 >= FLUSH_BYTES {
            on_disk.sync_data().map_err(|error| io_error(&error))?;
            flushed = progress.pages_done;
        }
    }
    drop(backup);
    target.close().map_err(|(_, error)| db_error(&error))?;
    on_disk.sync_all().map_err(|error| io_error(&error))?;
    Ok(())
}

fn progress(backup: &Backup<'_, '_>) -> CopyProgress {
    let found = backup.progress();
    let pages = u64::try_from(found.pagecount).unwrap_or(0);
    CopyProgress { pages_done: pages.saturating_sub(u64::try_from(found.remaining).unwrap_or(0)), pages }
}
