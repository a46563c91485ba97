//! Taking over a file that waits under a tenant's name, after a hard look at what it is.

use std::path::Path;

use rusqlite::OpenFlags;

use crate::error::{DbError, Error, Result};

use super::connection::{Connection, Durability, Role};
use super::failure::db_error;
use super::migrate::schema_objects;
use super::{Engine, Schema, Tx, stamp};

/// What [`Schema::create_or_adopt`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// A new file was made.
    Created,
    /// A file that was there now belongs to the owner.
    Adopted,
}

impl Schema {
    /// Makes the file of `owner`, or adopts the one that waits at `path`. Blocks.
    ///
    /// # Errors
    /// [`Error::Conflict`] `file_not_adoptable` with the reason for a file that must not be
    /// taken over; storage errors.
    pub fn create_or_adopt(&self, engine: &Engine, path: &Path, owner: &str) -> Result<Adoption> {
        if !path.try_exists().map_err(|error| DbError::Io(error.to_string()))? {
            self.create(path, owner)?;
            return Ok(Adoption::Created);
        }
        self.adopt(engine, path, owner, None)?;
        Ok(Adoption::Adopted)
    }

    /// Makes the file at `path` the file of `owner`. A file of `previous_owner` may be taken over.
    ///
    /// # Errors
    /// As [`Schema::create_or_adopt`].
    pub fn adopt(&self, engine: &Engine, path: &Path, owner: &str, previous_owner: Option<&str>) -> Result<()> {
        refuse_leftovers(path)?;
        if is_empty(path)? {
            // Somebody prepared the database as the original system wanted it: it is still empty.
            std::fs::remove_file(path).map_err(|error| DbError::Io(error.to_string()))?;
            self.create(path, owner)?;
            return Ok(());
        }
        let connection = open_hostile(path).map_err(refused)?;
        self.inspect(&connection, previous_owner)?;
        connection.run_batch("PRAGMA query_only=OFF;")?;
        let sql = "INSERT INTO meta (key, value) VALUES ('owner', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1";
        Tx::new(&connection.raw).execute(sql, crate::vals![owner])?;
        connection.integer("PRAGMA wal_checkpoint(TRUNCATE)")?;
        drop(connection);
        self.open(engine, path, owner, Durability::Full)?;
        Ok(())
    }

    /// Checks that a file holds nothing but what this schema knows.
    fn inspect(&self, connection: &Connection, previous_owner: Option<&str>) -> Result<()> {
        let stamp = stamp::read(connection).map_err(refused)?;
        match stamp.owner.as_deref() {
            None => {}
            Some(found) if Some(found) == previous_owner => {}
            Some(found) => {
                return Err(not_adoptable(format!(
                    "It carries the stamp of {found:?}; use `ruko tenant adopt --take-over`."
                )));
            }
        }
        if stamp.user_version > self.latest() {
            let (found, known) = (stamp.user_version, self.latest());
            return Err(not_adoptable(format!(
                "Its schema version {found} is newer than {known}, the newest this ruko knows."
            )));
        }
        let known = self.objects_at(stamp.user_version)?;
        for (name, sql) in schema_objects(&connection.raw).map_err(refused)? {
            let is_known =
                known.binary_search_by(|(known, _)| known.as_str().cmp(&name)).is_ok_and(|at| known[at].1 == sql);
            if !is_known {
                return Err(not_adoptable(format!("It contains the unknown or changed {name}.")));
            }
        }
        let verdict = Tx::new(&connection.raw).query("PRAGMA integrity_check(1)", &[], |row| row.get::<String>(0));
        match verdict.map_err(refused)?.as_slice() {
            [ok] if ok == "ok" => Ok(()),
            found => Err(not_adoptable(format!("integrity_check says: {}", found.join("; ")))),
        }
    }
}

/// Opens a file nobody vouches for: query-only and defensive, so that looking changes nothing.
fn open_hostile(path: &Path) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[allow(clippy::disallowed_methods, reason = "belongs to no pool yet")]
    let raw = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| db_error(&error))?;
    Connection::prepare(raw, Role::Reader, Durability::Full).map_err(|error| db_error(&error))
}

/// A log or journal beside a strange file holds changes that were never folded in, or belongs to
/// another file altogether; replaying it could destroy either.
fn refuse_leftovers(path: &Path) -> Result<()> {
    for suffix in ["-wal", "-journal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        let has_content = std::fs::metadata(&beside).is_ok_and(|found| found.len() > 0);
        if has_content {
            return Err(not_adoptable(format!(
                "A non-empty {suffix} file lies beside it: close it properly first (sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)')."
            )));
        }
    }
    Ok(())
}

/// True for a file of no bytes, and for a database without tables that carries no mark.
fn is_empty(path: &Path) -> Result<bool> {
    let size = std::fs::metadata(path).map_err(|error| DbError::Io(error.to_string()))?.len();
    if size == 0 {
        return Ok(true);
    }
    let connection = open_hostile(path).map_err(refused)?;
    let unmarked = connection.integer("PRAGMA application_id").map_err(refused)? == 0;
    Ok(unmarked && connection.integer("SELECT count(*) FROM sqlite_schema").map_err(refused)? == 0)
}

fn refused(error: DbError) -> Error {
    match error {
        DbError::Corrupt(text) => not_adoptable(format!("It is not a file of ruko: {text}.")),
        DbError::Other(text) => not_adoptable(format!("It cannot be read: {text}.")),
        other => other.into(),
    }
}

fn not_adoptable(reason: String) -> Error {
    Error::conflict("file_not_adoptable", format!("A file of that name exists and cannot be adopted. {reason}"))
}
