//! Schemas: the migrations built into the binary, files made from a ready template, and the
//! upgrade of an older file at its first open.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use include_dir::{Dir, include_dir};
use rusqlite_migration::Migrations;

use crate::error::{DbError, Error, Result};

use super::closed::io_error;
use super::connection::{Connection, Durability};
use super::failure::db_error;
use super::stamp::Whose;
use super::{Db, Engine, stamp};

static TENANT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/tenant");
static CENTRAL: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/central");
static LOGS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/logs");

/// One kind of file: its migrations and a ready copy of an empty one.
pub struct Schema {
    migrations: Migrations<'static>,
    latest: i64,
    template: Vec<u8>,
}

/// What opening did to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationOutcome {
    /// Schema version it was found with.
    pub from: i64,
    /// Schema version it has now.
    pub to: i64,
}

impl Schema {
    /// The schema of a tenant's file.
    ///
    /// # Errors
    /// When the migrations built in are unsound.
    pub fn tenant() -> Result<Self> {
        Self::build(&TENANT)
    }

    /// The schema of the central file.
    ///
    /// # Errors
    /// As [`Schema::tenant`].
    pub fn central() -> Result<Self> {
        Self::build(&CENTRAL)
    }

    /// The schema of the file of the request log and the audit log.
    ///
    /// # Errors
    /// As [`Schema::tenant`].
    pub fn logs() -> Result<Self> {
        Self::build(&LOGS)
    }

    fn build(dir: &'static Dir<'static>) -> Result<Self> {
        let migrations = Migrations::from_directory(dir).map_err(Error::internal)?;
        let latest = i64::try_from(dir.dirs().count()).map_err(Error::internal)?;
        let template = build_template(&migrations)?;
        Ok(Self { migrations, latest, template })
    }

    /// The newest schema version.
    pub fn latest(&self) -> i64 {
        self.latest
    }

    /// Makes a new, complete file for `owner` at `path`; on return it is on the disk.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when a file of that name exists; [`DbError::Full`] and its kin.
    pub fn create(&self, path: &Path, owner: &str) -> Result<(), DbError> {
        let bytes = self.stamped(owner)?;
        write_new(path, &bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => DbError::Unavailable("a file of that name exists".into()),
            _ => io_error(&error),
        })
    }

    /// Opens the file of `owner`; an older one is brought to the newest version first. Blocks.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] for a file that is not `owner`'s, [`DbError::Newer`] for one from a
    /// newer release, [`DbError::MigrationFailed`], and whatever opening says.
    pub fn open(
        &self,
        engine: &Engine,
        path: &Path,
        owner: &str,
        durability: Durability,
    ) -> Result<(Db, MigrationOutcome)> {
        let whose = Whose::Owners(owner.into(), self.latest);
        let db = Db::open(engine, path, &whose, durability)?;
        let deadline = Instant::now() + engine.options().write_timeout;
        let from = stamp::read(&*db.shared.readers.get(deadline)?)?.user_version;
        if from < self.latest {
            let mut connection = db.shared.writers.get(deadline)?;
            self.upgrade(&mut connection, from)?;
        }
        Ok((db, MigrationOutcome { from, to: self.latest }))
    }

    /// All steps are one transaction: a crash or an error in any of them leaves the file as it was.
    fn upgrade(&self, connection: &mut Connection, from: i64) -> Result<(), DbError> {
        self.migrations.to_latest(&mut connection.raw).map_err(|error| match migration_error(&error) {
            // These may pass by themselves.
            cause @ (DbError::Busy
            | DbError::Full
            | DbError::ReadOnly
            | DbError::Io(_)
            | DbError::Unavailable(_)
            | DbError::Timeout
            | DbError::Overloaded) => cause,
            cause => DbError::MigrationFailed { from, to: self.latest, cause: cause.to_string() },
        })
    }

    /// Names and SQL of everything a file of this schema version may contain, sorted by name.
    pub(super) fn objects_at(&self, version: i64) -> Result<Vec<(String, String)>> {
        let version = usize::try_from(version).map_err(Error::internal)?;
        let mut connection = rusqlite::Connection::open_in_memory().map_err(|error| db_error(&error))?;
        self.migrations.to_version(&mut connection, version).map_err(|error| migration_error(&error))?;
        Ok(schema_objects(&connection)?)
    }

    fn in_memory(&self) -> Result<rusqlite::Connection, DbError> {
        let mut connection = rusqlite::Connection::open_in_memory().map_err(|error| db_error(&error))?;
        let bytes = self.template.as_slice();
        connection.deserialize_read_exact("main", bytes, bytes.len(), false).map_err(|error| db_error(&error))?;
        Ok(connection)
    }

    fn stamped(&self, owner: &str) -> Result<Vec<u8>, DbError> {
        let connection = self.in_memory()?;
        connection
            .execute("INSERT INTO meta (key, value) VALUES ('owner', ?1)", [owner])
            .map_err(|error| db_error(&error))?;
        let mut bytes = connection.serialize("main").map_err(|error| db_error(&error))?.to_vec();
        // Read and write version 2 is WAL (https://sqlite.org/fileformat.html, section 1.3.3); an
        // in-memory database cannot be in that mode itself.
        bytes[18..20].copy_from_slice(&[2, 2]);
        Ok(bytes)
    }
}

/// All tables, indexes, triggers and views of a file with their SQL, sorted by name.
pub(super) fn schema_objects(connection: &rusqlite::Connection) -> Result<Vec<(String, String)>, DbError> {
    super::Tx::new(connection).query(
        "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1",
        &[],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

fn build_template(migrations: &Migrations<'static>) -> Result<Vec<u8>> {
    let build = || -> rusqlite::Result<rusqlite::Connection> {
        let connection = rusqlite::Connection::open_in_memory()?;
        connection.execute_batch(&format!(
            "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA application_id={};",
            stamp::APPLICATION_ID
        ))?;
        Ok(connection)
    };
    let mut connection = build().map_err(|error| db_error(&error))?;
    migrations.to_latest(&mut connection).map_err(|error| migration_error(&error))?;
    Ok(connection.serialize("main").map_err(|error| db_error(&error))?.to_vec())
}

fn migration_error(error: &rusqlite_migration::Error) -> DbError {
    match error {
        // The error's own text would repeat the whole migration.
        rusqlite_migration::Error::RusqliteError { err: rusqlite::Error::SqlInputError { msg, .. }, .. } => {
            DbError::Other(msg.clone())
        }
        rusqlite_migration::Error::RusqliteError { err, .. } => db_error(err),
        other => DbError::Other(format!("migration failed: {other}")),
    }
}

/// Writes a file that did not exist, durably: content first, then its name.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let partial = path.with_extension("db.new");
    // A hard link, unlike a rename, never replaces a file that is there.
    let linked = write_all(&partial, bytes).and_then(|()| std::fs::hard_link(&partial, path));
    // Half of it would take what is left of a disk that is full.
    linked.and(std::fs::remove_file(&partial))?;
    std::fs::File::open(folder)?.sync_all()
}

fn write_all(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
