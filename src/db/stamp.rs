//! How ruko recognises its own files: `application_id`, `user_version`, and the owner in `meta`.

use crate::error::{DbError, Result};

use super::connection::Connection;
use super::tx::Tx;

/// "RUKO" in the header of every file of ours (`PRAGMA application_id`).
pub const APPLICATION_ID: i64 = 0x5255_4B4F;

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The tenant it belongs to; none for a file that nobody owns yet.
    pub owner: Option<String>,
    /// Its schema version.
    pub user_version: i64,
}

/// Reads the stamp of an open file.
///
/// # Errors
/// [`DbError::Corrupt`] when the file is not one of ours: a 0-byte file opens as an empty
/// database, and so does any SQLite file of another program.
pub(super) fn read(connection: &Connection) -> Result<Stamp, DbError> {
    read_raw(&connection.raw)
}

/// As [`read`], for a connection that is none of a pool's.
pub(super) fn read_raw(connection: &rusqlite::Connection) -> Result<Stamp, DbError> {
    let mut tx = Tx::new(connection);
    let application_id = tx.query_one("PRAGMA application_id", &[], |row| row.get::<i64>(0))?;
    if application_id != APPLICATION_ID {
        return Err(DbError::Corrupt(format!("application_id is {application_id}, not ruko's {APPLICATION_ID}")));
    }
    let owner = tx.query_opt("SELECT value FROM meta WHERE key = 'owner'", &[], |row| row.get::<String>(0))?;
    let user_version = tx.query_one("PRAGMA user_version", &[], |row| row.get::<i64>(0))?;
    Ok(Stamp { owner, user_version })
}

/// Checks that the file belongs to `owner` and gives its schema version.
///
/// # Errors
/// [`DbError::Corrupt`] for a file of somebody else.
pub(super) fn expect_owner(connection: &Connection, owner: &str) -> Result<i64, DbError> {
    let stamp = read(connection)?;
    match stamp.owner {
        Some(found) if found == owner => Ok(stamp.user_version),
        Some(found) => Err(DbError::Corrupt(format!("the file belongs to {found:?}"))),
        None => Err(DbError::Corrupt("the file carries no owner".into())),
    }
}
