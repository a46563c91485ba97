//! Closed files as a whole: made complete, moved, removed. A write-ahead log that stays behind
//! under the old name would be replayed over whatever gets that name next, so it never does.

use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use crate::error::{DbError, Error, Result, Rule};

use super::connection::{Connection, Durability, Role};
use super::failure::db_error;
use super::stamp::Whose;
use super::strange::not_adoptable;

/// The names SQLite puts beside a file.
const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The [`DbError`] of a file operation.
pub fn io_error(error: &std::io::Error) -> DbError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => DbError::Full,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => DbError::ReadOnly,
        ErrorKind::NotFound => DbError::Unavailable("no such file".into()),
        _ => DbError::Io(error.to_string()),
    }
}

/// As [`io_error`], in the shape of `map_err`.
#[allow(clippy::needless_pass_by_value, reason = "the shape of map_err")]
pub fn file_error(error: std::io::Error) -> Error {
    io_error(&error).into()
}

/// Whether this process may write the file and beside it. Asks the system and opens nothing: closing
/// another handle of a file would end the locks that SQLite holds on it.
///
/// # Errors
/// [`DbError::ReadOnly`], or why that cannot be told.
pub fn expect_writable(path: &Path) -> Result<(), DbError> {
    for path in std::iter::once(path).chain(path.parent()) {
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK).map_err(|errno| io_error(&errno.into()))?;
    }
    Ok(())
}

/// Whether this process may read the file and not write it or beside it.
pub(super) fn is_read_only(path: &Path) -> bool {
    let may_read = rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok();
    may_read && expect_writable(path) == Err(DbError::ReadOnly)
}

/// Gives what lies beside a closed file its mode: SQLite makes log and index with the one that the file
/// has at that moment. Nothing is removed, for another program may have them open.
pub(super) fn share_mode(path: &Path) -> Result<(), DbError> {
    let share = |suffix: &&str| {
        let companion = beside(path, suffix);
        match companion.metadata() {
            Ok(found) if found.permissions().readonly() => {
                std::fs::set_permissions(companion, path.metadata()?.permissions())
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    };
    COMPANIONS.iter().try_for_each(share).map_err(|error| io_error(&error))
}

fn has_content(path: &Path, suffix: &str) -> bool {
    std::fs::metadata(beside(path, suffix)).is_ok_and(|found| found.len() > 0)
}

/// A log or journal beside a strange file holds changes that were never folded in, or belongs to
/// another file altogether; replaying it could destroy either.
///
/// # Errors
/// [`Error::Conflict`] `file_not_adoptable`.
pub(super) fn refuse_leftovers(path: &Path) -> Result<()> {
    match ["-wal", "-journal"].into_iter().find(|suffix| has_content(path, suffix)) {
        None => Ok(()),
        Some(suffix) => Err(not_adoptable(format!(
            "A non-empty {suffix} file lies beside it: close it properly first (sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)')."
        ))),
    }
}

/// Opens a closed file to change it as a whole.
///
/// # Errors
/// Whatever opening says.
#[allow(clippy::disallowed_methods, reason = "belongs to no pool: nobody else has it open")]
pub(super) fn open_closed(path: &Path, whose: &Whose) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let raw = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| db_error(&error))?;
    Connection::prepare(raw, Role::Writer, Durability::Full, whose)
}

/// Folds what its log still holds into the file at `path`, which this process has closed. Blocks.
///
/// # Errors
/// [`DbError::Busy`] while another program holds the file.
pub fn complete(path: &Path) -> Result<(), DbError> {
    if has_content(path, "-wal") || has_content(path, "-journal") {
        let connection = open_closed(path, &Whose::Anyones)?;
        // A journal is rolled back by the first read.
        connection.integer("SELECT count(*) FROM sqlite_schema")?;
        fold_in(&connection)?;
        drop(connection);
        if has_content(path, "-wal") || has_content(path, "-journal") {
            return Err(DbError::Busy);
        }
    }
    // What is left is empty, or an index that the next opening makes anew.
    remove_companions(path).map_err(|error| io_error(&error))
}

/// Moves the whole log into the file and truncates it.
pub(super) fn fold_in(connection: &Connection) -> Result<(), DbError> {
    match connection.integer("PRAGMA wal_checkpoint(TRUNCATE)")? {
        0 => Ok(()),
        _ => Err(DbError::Busy),
    }
}

/// Gives a closed file another name, durably; never replaces one that is there. Blocks.
///
/// # Errors
/// [`Error::Invalid`] on `db_name` when the new name is taken on the disk; storage errors, and
/// then the file is where it was.
pub fn move_closed(from: &Path, to: &Path) -> Result<()> {
    complete(from)?;
    if COMPANIONS.iter().any(|suffix| has_content(to, suffix)) {
        return Err(Error::field("db_name", Rule::Taken));
    }
    rename_beside_nothing(from, to).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::field("db_name", Rule::Taken),
        _ => io_error(&error).into(),
    })?;
    for folder in [to.parent(), from.parent()].into_iter().flatten() {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| io_error(&error))?;
    }
    Ok(())
}

/// Some file systems cannot refuse to replace in one step. There looking first has to do: the
/// lock on the data directory keeps other servers out.
fn rename_beside_nothing(from: &Path, to: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if to.symlink_metadata().is_ok() {
                return Err(std::io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        outcome => Ok(outcome?),
    }
}

/// Removes a closed file and everything beside it; fine when there is none. Blocks.
///
/// # Errors
/// [`DbError::Io`] and its kin.
pub fn remove_closed(path: &Path) -> Result<(), DbError> {
    remove_if_there(path).and_then(|()| remove_companions(path)).map_err(|error| io_error(&error))
}

fn remove_companions(path: &Path) -> std::io::Result<()> {
    COMPANIONS.iter().try_for_each(|suffix| remove_if_there(&beside(path, suffix)))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
