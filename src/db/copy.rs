//! A consistent copy of a live file, made while it is read and written.

use std::path::Path;

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};

use crate::error::{DbError, Result};

use super::closed::io_error;
use super::connection::{Connection, Durability, Role};
use super::failure::db_error;
use super::stamp::Whose;

const PAGES_PER_STEP: i32 = 256;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopySummary {
    /// Size of the copy.
    pub size_bytes: u64,
}

/// Copies the live file at `from` to the new file `to`. Blocks.
///
/// A read transaction is held meanwhile: without it, a write through any other connection makes
/// the online backup start again from the first page.
///
/// # Errors
/// Any [`DbError`]; `to` is removed then.
pub fn copy_live(from: &Path, to: &Path) -> Result<CopySummary, DbError> {
    // Of a disk that takes no new file SQLite says no more than that it cannot open.
    std::fs::File::create_new(to).map_err(|error| io_error(&error))?;
    let outcome = copy(from, to).and_then(|()| {
        let synced = || {
            let file = std::fs::File::open(to)?;
            file.sync_all()?;
            file.metadata()
        };
        let size_bytes = synced().map_err(|error| io_error(&error))?.len();
        Ok(CopySummary { size_bytes })
    });
    if outcome.is_err() {
        let _ = std::fs::remove_file(to);
    }
    outcome
}

#[allow(clippy::disallowed_methods, reason = "a copy's two ends belong to no pool")]
fn copy(from: &Path, to: &Path) -> Result<(), DbError> {
    let read = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = rusqlite::Connection::open_with_flags(from, read).map_err(|error| db_error(&error))?;
    // Whose it is shows the copy; the original stays as it is, whatever it is.
    let source = Connection::prepare(source, Role::Reader, Durability::Full, &Whose::Anyones)?.raw;
    copy_pages(&source, to).map_err(|error| db_error(&error))
}

#[allow(clippy::disallowed_methods, reason = "a copy's two ends belong to no pool")]
fn copy_pages(source: &rusqlite::Connection, to: &Path) -> rusqlite::Result<()> {
    let write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    source.busy_timeout(std::time::Duration::from_secs(5))?;
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
    let mut target = rusqlite::Connection::open_with_flags(to, write)?;
    target.execute_batch("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF;")?;
    let backup = Backup::new(source, &mut target)?;
    while !matches!(backup.step(PAGES_PER_STEP)?, StepResult::Done) {}
    Ok(())
}
