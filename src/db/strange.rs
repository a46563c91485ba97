//! A hard look at a file nobody vouches for: it may be damaged, of another program, or made to
//! trick whoever opens it. Looking changes nothing, not even the file's header.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::error::{DbError, Error, Result};

use super::closed::{io_error, refuse_leftovers};
use super::failure::db_error;
use super::migrate::schema_objects;
use super::snapshot::copy_live;
use super::stamp::APPLICATION_ID;
use super::{Schema, Tx, ranges};

/// A full check reads the whole file; no file is worth a thread for longer than this.
const PATIENCE: Duration = Duration::from_secs(600);
const OPS_BETWEEN_CHECKS: i32 = 100_000;
/// Every file of ours has it, and bounds on sizes count in it.
const PAGE_SIZE: i64 = 4096;

/// Tables that the engine adds by itself to a file that was in use.
const STATISTICS: [(&str, &str); 2] = [
    ("table sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    ("table sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
];

/// What a strange file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// No bytes, or a database without tables: prepared for ruko, as the original system asked.
    Empty,
    /// A file of ours, whole and with nothing in it that does not belong there.
    Ours,
}

/// Why a file is not good.
pub(super) enum Doubt {
    /// What is wrong with it, as a sentence.
    Unfit(String),
    /// It is this tenant's.
    Owned(String),
    /// It could not be looked at.
    Failed(Error),
}

impl From<Error> for Doubt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Schema {
    /// Looks at a file that is to be taken over from all sides.
    ///
    /// # Errors
    /// [`Error::Conflict`] `file_not_adoptable` with the reason.
    pub(super) fn inspect(&self, path: &Path, previous_owner: Option<&str>) -> Result<Found> {
        self.examine(path, previous_owner).map_err(|doubt| match doubt {
            Doubt::Unfit(reason) => not_adoptable(reason),
            Doubt::Owned(owner) => not_adoptable(format!(
                "It belongs to the tenant {owner}; name that id in `take_over` if it should not."
            )),
            Doubt::Failed(error) => error,
        })
    }

    /// Copies the live file of `owner`, looks at the copy as whoever takes it over will, and gives
    /// its schema version. Blocks.
    ///
    /// # Errors
    /// [`Error::Conflict`] `file_not_exportable` with the reason; storage errors.
    pub fn copy_for_export(&self, live: &Path, copy: &Path, owner: &str) -> Result<i64> {
        let refuse = |reason: &str| {
            let text = format!("The tenant's file cannot be exported. {reason} `ruko doctor` looks at every file.");
            Err(Error::conflict("file_not_exportable", text))
        };
        // Opening it would remove the log beside it.
        if live.metadata().is_ok_and(|found| found.len() == 0) {
            return refuse("It is empty.");
        }
        copy_live(live, copy)?;
        match self.examine(copy, Some(owner)) {
            Ok(Found::Ours) => {}
            Ok(Found::Empty) => return refuse("It is empty."),
            Err(Doubt::Unfit(reason)) => return refuse(&reason),
            Err(Doubt::Owned(other)) => return refuse(&format!("It belongs to the tenant {other}.")),
            Err(Doubt::Failed(error)) => return Err(error),
        }
        let stamp = super::stamp::read_raw(&look(copy, PATIENCE)?)?;
        match stamp.owner {
            Some(_) => Ok(stamp.user_version),
            None => refuse("It carries no owner."),
        }
    }

    fn examine(&self, path: &Path, previous_owner: Option<&str>) -> Result<Found, Doubt> {
        let kind = std::fs::symlink_metadata(path).map_err(|error| Error::from(DbError::Io(error.to_string())))?;
        if !kind.is_file() {
            return Err(unfit("It is a link or a folder."));
        }
        refuse_leftovers(path)?;
        if kind.len() == 0 {
            return Ok(Found::Empty);
        }
        // The engine takes a file of one byte for an empty database, whatever the byte is.
        if !has_header(path).map_err(Error::from)? {
            return Err(not_a_database());
        }
        let connection = look(path, PATIENCE).map_err(refused)?;
        let mut tx = Tx::new(&connection);
        let application_id = integer(&mut tx, "PRAGMA application_id").map_err(refused)?;
        // Reading the list of objects runs nothing that stands in the file, other reads could.
        let objects = integer(&mut tx, "SELECT count(*) FROM sqlite_schema").map_err(refused)?;
        if objects == 0 && [0, APPLICATION_ID].contains(&application_id) {
            return Ok(Found::Empty);
        }
        if application_id != APPLICATION_ID {
            return Err(unfit(format!("It is not a file of ruko (application_id {application_id}).")));
        }
        self.check_schema(&connection)?;
        check_owner(&mut tx, previous_owner)?;
        check_content(&mut tx)?;
        ranges::check(&mut tx)?;
        Ok(Found::Ours)
    }

    fn check_schema(&self, connection: &rusqlite::Connection) -> Result<(), Doubt> {
        let mut tx = Tx::new(connection);
        let page_size = integer(&mut tx, "PRAGMA page_size").map_err(refused)?;
        let encoding = tx.query_one("PRAGMA encoding", &[], |row| row.get::<String>(0)).map_err(refused)?;
        if page_size != PAGE_SIZE || encoding != "UTF-8" {
            return Err(unfit(format!(
                "Its pages are {page_size} bytes and its texts {encoding}, not {PAGE_SIZE} and UTF-8."
            )));
        }
        let version = integer(&mut tx, "PRAGMA user_version").map_err(refused)?;
        if version > self.latest() {
            return Err(unfit(format!(
                "Its schema version {version} is newer than {}, the newest this ruko knows.",
                self.latest()
            )));
        }
        if version < 1 {
            return Err(unfit(format!("Its schema version {version} is none of ruko's.")));
        }
        let mut missing: BTreeMap<String, String> = self.objects_at(version)?.into_iter().collect();
        for (name, sql) in schema_objects(connection).map_err(refused)? {
            let is_known = missing.remove(&name).is_some_and(|known| known == sql)
                || STATISTICS.contains(&(name.as_str(), sql.as_str()));
            if !is_known {
                return Err(unfit(format!("It contains the unknown or changed {}.", shown(&name))));
            }
        }
        match missing.keys().next() {
            None => Ok(()),
            Some(name) => Err(unfit(format!("It lacks the {name}."))),
        }
    }
}

/// Whether the file begins as every database does (<https://sqlite.org/fileformat.html>, section 1.3).
fn has_header(path: &Path) -> Result<bool, DbError> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut header = [0; MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) => Ok(header == *MAGIC),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(io_error(&error)),
    }
}

fn check_owner(tx: &mut Tx<'_>, previous_owner: Option<&str>) -> Result<(), Doubt> {
    let sql = "SELECT value FROM meta WHERE key = 'owner'";
    let owner = tx.query_opt(sql, &[], |row| row.get::<String>(0)).map_err(refused)?;
    match (owner, previous_owner) {
        (None, _) => Ok(()),
        (Some(owner), Some(expected)) if owner == expected => Ok(()),
        (Some(owner), _) => Err(Doubt::Owned(shown(&owner))),
    }
}

fn check_content(tx: &mut Tx<'_>) -> Result<(), Doubt> {
    let verdict = tx.query("PRAGMA integrity_check(1)", &[], |row| row.get::<String>(0)).map_err(refused)?;
    if verdict != ["ok"] {
        return Err(unfit(format!("integrity_check says: {}", shown(&verdict.join("; ")))));
    }
    let broken = tx.query_opt("PRAGMA foreign_key_check", &[], |row| row.get::<String>(0)).map_err(refused)?;
    if let Some(table) = broken {
        return Err(unfit(format!("Rows of {} refer to rows that do not exist.", shown(&table))));
    }
    // Lists show these counts instead of counting, and the triggers only ever add to them.
    let counts = tx.query("SELECT name, n FROM row_counts", &[], |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)));
    for (table, count) in counts.map_err(refused)? {
        let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
        if integer(tx, &sql).map_err(refused)? != count {
            return Err(unfit(format!("Its count of {} is wrong.", shown(&table))));
        }
    }
    Ok(())
}

/// Opens a closed file for reading only, without locks and without its log, so that nothing is
/// written anywhere. Statements end after `patience`.
///
/// # Errors
/// Whatever opening says.
#[allow(clippy::disallowed_methods, reason = "belongs to no pool")]
pub(super) fn look(path: &Path, patience: Duration) -> Result<rusqlite::Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let deadline = Instant::now() + patience;
    let open = || -> rusqlite::Result<rusqlite::Connection> {
        let connection = rusqlite::Connection::open_with_flags(immutable_uri(path), flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.progress_handler(OPS_BETWEEN_CHECKS, Some(move || Instant::now() > deadline))?;
        connection.execute_batch(
            "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; \
             PRAGMA temp_store=MEMORY;",
        )?;
        Ok(connection)
    };
    open().map_err(|error| db_error(&error))
}

/// `file:` and the path, with everything escaped that means something in a URI.
pub(super) fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn integer(tx: &mut Tx<'_>, sql: &str) -> Result<i64, DbError> {
    tx.query_one(sql, &[], |row| row.get(0))
}

/// What of a text inside the file may be echoed.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

pub(super) fn refused(error: DbError) -> Doubt {
    match error {
        DbError::Corrupt(_) => not_a_database(),
        DbError::Other(_) => unfit("It cannot be read as a file of ruko."),
        other => Doubt::Failed(other.into()),
    }
}

fn not_a_database() -> Doubt {
    unfit("It is damaged, or no database at all.")
}

pub(super) fn unfit(reason: impl Into<String>) -> Doubt {
    Doubt::Unfit(reason.into())
}

/// The answer for a file that must stay as it is.
pub(super) fn not_adoptable(reason: impl std::fmt::Display) -> Error {
    Error::conflict("file_not_adoptable", format!("The database file cannot be adopted. {reason}"))
}
