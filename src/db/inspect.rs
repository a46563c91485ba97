//! Looking at one file from outside of the server: for `ruko sql` and `ruko doctor`.
//!
//! A look changes nothing, whatever the statement says and whoever else has the file open: an
//! authorizer lets only reading through, and a write-ahead log that lies beside the file is read
//! but neither folded in nor removed.

mod dump;

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;

use crate::error::{DbError, Result};

use super::failure::db_error;
use super::stamp::{self, Stamp};
use super::tx::Tx;

/// How long a look waits for a file that another program holds.
const PATIENCE: Duration = Duration::from_secs(5);
/// Problems of one file that are told; a damaged one can have thousands.
const PROBLEMS_MAX: usize = 20;

/// A file opened from outside.
pub struct Look {
    raw: rusqlite::Connection,
}

/// A value of any statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text; bytes that are no UTF-8 are replaced.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// What running statements gives, piece by piece.
pub enum Shown<'a> {
    /// A statement with a result begins; its columns.
    Columns(&'a [String]),
    /// A row of it.
    Row(&'a [Cell]),
    /// A statement without a result has ended; how many rows it changed.
    Changed(usize),
}

/// How hard to look for damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// `quick_check`: the structure of every page. 2 s a GiB.
    Quick,
    /// `integrity_check` and `foreign_key_check`: indexes against rows as well. 32 s a GiB.
    Full,
}

impl Look {
    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// What opening says.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        if has_hot_journal(path) {
            let text =
                "the journal of a change that was broken off lies beside it, and to open it is to roll that back";
            return Err(DbError::Unavailable(text.into()));
        }
        // Without write access SQLite cannot share the log's index with a server that runs, so that
        // is asked for first.
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read_write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let has_log = log_bytes(path) > 0;
        expect_content(path)?;
        let open = || -> rusqlite::Result<rusqlite::Connection> {
            let raw = connect(path, read_write).or_else(|_| connect(path, read_only))?;
            raw.execute_batch("PRAGMA query_only=ON;")?;
            if has_log {
                raw.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            }
            raw.authorizer(Some(only_reading))?;
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(|error| db_error(&error))? })
    }

    /// Opens an existing file for changes. The caller makes sure that no server uses it.
    ///
    /// # Errors
    /// What opening says.
    pub fn open_for_writing(path: &Path) -> Result<Self, DbError> {
        expect_content(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<rusqlite::Connection> {
            let raw = connect(path, flags)?;
            raw.execute_batch("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;")?;
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(|error| db_error(&error))? })
    }

    /// Runs a read.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn read<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let outcome = work(&mut Tx::new(&self.raw));
        if !self.raw.is_autocommit() {
            self.raw.execute_batch("ROLLBACK").map_err(|error| db_error(&error))?;
        }
        outcome
    }

    /// Runs a change of a file that was opened for writing, in one transaction.
    ///
    /// # Errors
    /// Those of `work`, and then nothing of it stays.
    pub fn change<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let run = |sql: &str| self.raw.execute_batch(sql).map_err(|error| db_error(&error));
        run("BEGIN IMMEDIATE")?;
        let outcome = work(&mut Tx::new(&self.raw)).and_then(|value| Ok(run("COMMIT").map(|()| value)?));
        if !self.raw.is_autocommit() {
            run("ROLLBACK")?;
        }
        outcome
    }

    /// What the file says of itself.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] when it is not one of ours.
    pub fn stamp(&self) -> Result<Stamp, DbError> {
        stamp::read_raw(&self.raw)
    }

    /// Looks for damage; what it finds, nothing when the file is sound.
    ///
    /// # Errors
    /// When not even looking is possible.
    pub fn problems(&self, depth: Depth) -> Result<Vec<String>, DbError> {
        let mut tx = Tx::new(&self.raw);
        let check = match depth {
            Depth::Quick => format!("PRAGMA quick_check({PROBLEMS_MAX})"),
            Depth::Full => format!("PRAGMA integrity_check({PROBLEMS_MAX})"),
        };
        let mut found = tx.query(&check, &[], |row| row.get::<String>(0))?;
        found.retain(|line| line != "ok");
        if depth == Depth::Full {
            found.extend(self.orphans()?);
            found.truncate(PROBLEMS_MAX);
        }
        Ok(found)
    }

    /// Rows that point at rows which do not exist, as sentences; the first of them.
    ///
    /// # Errors
    /// When not even looking is possible.
    pub fn orphans(&self) -> Result<Vec<String>, DbError> {
        let mut found = Vec::new();
        Tx::new(&self.raw).each("PRAGMA foreign_key_check", &[], |row| {
            let (table, row_id) = (row.get::<String>(0)?, row.get::<Option<i64>>(1)?);
            let row_id = row_id.map_or_else(String::new, |id| format!(" {id}"));
            found.push(format!("row{row_id} of {table} points at a row that does not exist"));
            Ok(found.len() < PROBLEMS_MAX)
        })?;
        Ok(found)
    }

    /// Runs statements one after the other and hands over what they give.
    ///
    /// # Errors
    /// Of the first statement that fails, and of `visit`.
    pub fn run(&self, sql: &str, mut visit: impl FnMut(Shown<'_>) -> Result<()>) -> Result<()> {
        let mut statements = rusqlite::Batch::new(&self.raw, sql);
        while let Some(mut statement) = statements.next().map_err(|error| db_error(&error))? {
            let count = statement.column_count();
            if count == 0 {
                let changed = statement.raw_execute().map_err(|error| db_error(&error))?;
                visit(Shown::Changed(changed))?;
                continue;
            }
            let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
            visit(Shown::Columns(&columns))?;
            let mut rows = statement.raw_query();
            let mut cells = Vec::with_capacity(count);
            while let Some(row) = rows.next().map_err(|error| db_error(&error))? {
                cells.clear();
                for column in 0..count {
                    cells.push(Cell::of(row.get_ref(column).map_err(|error| db_error(&error))?));
                }
                visit(Shown::Row(&cells))?;
            }
        }
        Ok(())
    }
}

impl Cell {
    pub(super) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(bytes) => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

/// Bytes in the write-ahead log beside a file: changes that the file alone does not have.
pub fn log_bytes(path: &Path) -> u64 {
    std::fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len())
}

/// Whether the journal of a change that another program broke off lies beside the file. Whoever opens
/// the file rolls that change back; ruko itself keeps none.
pub fn has_hot_journal(path: &Path) -> bool {
    let mut head = [0; JOURNAL_MAGIC.len()];
    let read = std::fs::File::open(beside(path, "-journal")).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == JOURNAL_MAGIC
}

/// How a journal begins that is to be rolled back (<https://sqlite.org/fileformat.html>, section 3).
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// What a file says of itself as its bytes lie there, without what lies beside it: nothing is rolled
/// back, replayed, locked or made.
///
/// # Errors
/// As [`Look::stamp`].
pub fn stamp_as_it_lies(path: &Path) -> Result<Stamp, DbError> {
    let escaped = path.as_os_str().as_bytes().iter().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        other => format!("%{other:02x}"),
    });
    let uri = format!("file:{}?immutable=1", escaped.collect::<String>());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let raw = connect(Path::new(&uri), flags).map_err(|error| db_error(&error))?;
    stamp::read_raw(&raw)
}

/// Refuses an empty file with a log that is not: SQLite would remove the log, and with it what can
/// still be saved.
///
/// # Errors
/// [`DbError::Corrupt`].
pub(super) fn expect_content(path: &Path) -> Result<(), DbError> {
    if log_bytes(path) > 0 && path.metadata().is_ok_and(|found| found.len() == 0) {
        let text = "it is empty, and the -wal beside it is not: copy both aside, for what can be saved is in there";
        return Err(DbError::Corrupt(text.into()));
    }
    Ok(())
}

/// Folds the write-ahead log beside a file into it. The caller makes sure that nobody uses it.
///
/// # Errors
/// [`DbError::Busy`] when somebody does; what opening says.
pub fn fold_log(path: &Path) -> Result<(), DbError> {
    let look = Look::open_for_writing(path)?;
    let blocked = Tx::new(&look.raw).query_one("PRAGMA wal_checkpoint(TRUNCATE)", &[], |row| row.get::<i64>(0))?;
    if blocked == 0 { Ok(()) } else { Err(DbError::Busy) }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[allow(clippy::disallowed_methods, reason = "a look belongs to no pool")]
fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<rusqlite::Connection> {
    let raw = rusqlite::Connection::open_with_flags(path, flags)?;
    raw.busy_timeout(PATIENCE)?;
    raw.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;")?;
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    raw.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    // Opening is lazy; this shows what is wrong with the file here and not later.
    raw.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(raw)
}

/// PRAGMAs that only tell. Those of the first list tell about a name, the others take no value.
const ABOUT: &[&str] = &[
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
];
const TELLING: &[&str] = &[
    "application_id",
    "user_version",
    "schema_version",
    "data_version",
    "page_count",
    "page_size",
    "freelist_count",
    "encoding",
    "journal_mode",
    "auto_vacuum",
    "compile_options",
    "database_list",
    "function_list",
    "collation_list",
    "module_list",
    "pragma_list",
];

fn only_reading(context: AuthContext<'_>) -> Authorization {
    let is_reading = match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Recursive
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. } => true,
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            let name = pragma_name.to_ascii_lowercase();
            ABOUT.contains(&name.as_str()) || pragma_value.is_none() && TELLING.contains(&name.as_str())
        }
        _ => false,
    };
    if is_reading { Authorization::Allow } else { Authorization::Deny }
}
