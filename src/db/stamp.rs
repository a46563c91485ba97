//! How ruko recognises its own files: `application_id`, `user_version`, and the owner in `meta`.

use std::sync::Arc;

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

/// Whose file there has to be behind a connection. It is looked at before the connection changes
/// anything: SQLite writes into an empty or a strange file when it is told how to keep its journal.
#[derive(Debug, Clone)]
pub(super) enum Whose {
    /// A file that is only read or closed: nothing is asked, and its journal stays as it is.
    Anyones,
    /// Of ruko, whoever in it owns it.
    Ours,
    /// Of this owner, with a schema that is not newer than this version.
    Owners(Arc<str>, i64),
}

impl Whose {
    /// Looks at a file that was opened a moment ago.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] for a file of somebody else, [`DbError::Newer`].
    pub(super) fn check(&self, connection: &rusqlite::Connection) -> Result<(), DbError> {
        match self {
            Self::Anyones => Ok(()),
            Self::Ours => read_raw(connection).map(|_| ()),
            Self::Owners(owner, newest) => {
                let stamp = read_raw(connection)?;
                let found = of_owner(stamp, owner)?;
                if found > *newest { Err(DbError::Newer { found, known: *newest }) } else { Ok(()) }
            }
        }
    }
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
fn of_owner(stamp: Stamp, owner: &str) -> Result<i64, DbError> {
    match stamp.owner {
        Some(found) if found == owner => Ok(stamp.user_version),
        Some(found) => Err(DbError::Corrupt(format!("the file belongs to {found:?}"))),
        None => Err(DbError::Corrupt("the file carries no owner".into())),
    }
}
