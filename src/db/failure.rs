//! What the engine's result codes mean for us.

use rusqlite::ffi::{self, ErrorCode};

use crate::error::DbError;

/// The [`DbError`] of an engine error. Codes: <https://sqlite.org/rescode.html>.
pub(super) fn db_error(error: &rusqlite::Error) -> DbError {
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return DbError::Other(error.to_string());
    };
    let text = || message.clone().unwrap_or_else(|| failure.to_string());
    match failure.code {
        ErrorCode::ConstraintViolation => constraint(failure.extended_code, &text()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => DbError::Busy,
        ErrorCode::DiskFull => DbError::Full,
        ErrorCode::ReadOnly => DbError::ReadOnly,
        // The index beside the file, without which nobody can even read it, could not grow.
        ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => DbError::Full,
        ErrorCode::SystemIoFailure => DbError::Io(text()),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => DbError::Corrupt(text()),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::NoLargeFileSupport => {
            DbError::Unavailable(text())
        }
        ErrorCode::OperationInterrupted => DbError::Timeout,
        _ => DbError::Other(text()),
    }
}

/// SQLite names what it refused after the last `: ` of its message.
fn constraint(extended_code: i32, message: &str) -> DbError {
    let name = message.rsplit_once(": ").map_or(message, |(_, name)| name).to_owned();
    match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            DbError::Unique(name)
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => DbError::ForeignKey,
        ffi::SQLITE_CONSTRAINT_NOTNULL => DbError::NotNull(name),
        ffi::SQLITE_CONSTRAINT_CHECK => DbError::Check(name),
        _ => DbError::Other(message.to_owned()),
    }
}
