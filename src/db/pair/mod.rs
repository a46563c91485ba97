//! Two closed files side by side in one connection: tables of one put into the other, or compared.

mod compare;
mod replace;

use std::path::Path;

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::error::DbError;

use super::Tx;
use super::failure::db_error;
use super::strange::immutable_uri;

pub use compare::{RowDiff, TableDiff};
pub use replace::Replaced;

/// Instructions of the engine between two questions whether to go on.
const OPS_BETWEEN_CHECKS: i32 = 10_000;

/// A closed file that is the caller's own, and a second one that is only read.
pub struct Pair {
    raw: rusqlite::Connection,
}

impl Pair {
    /// Opens `main` and beside it `other`. Statements end with [`DbError::Timeout`] when `is_ended` says so.
    ///
    /// # Errors
    /// What opening says.
    #[allow(clippy::disallowed_methods, reason = "belongs to no pool: nobody else has the files open")]
    pub fn open(main: &Path, other: &Path, is_ended: impl FnMut() -> bool + Send + 'static) -> Result<Self, DbError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<rusqlite::Connection> {
            let raw = rusqlite::Connection::open_with_flags(main, flags)?;
            raw.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;")?;
            raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            raw.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
            raw.execute("ATTACH ?1 AS other", [immutable_uri(other)])?;
            raw.progress_handler(OPS_BETWEEN_CHECKS, Some(is_ended))?;
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(|error| db_error(&error))? })
    }

    fn tx(&self) -> Tx<'_> {
        Tx::new(&self.raw)
    }

    fn run(&self, sql: &str) -> Result<(), DbError> {
        self.raw.execute_batch(sql).map_err(|error| db_error(&error))
    }
}

/// The columns of a table in `main` or `other`; none when there is no such table.
fn columns(tx: &mut Tx<'_>, schema: &str, table: &str) -> Result<Vec<String>, DbError> {
    let sql = "SELECT name FROM pragma_table_info(?1, ?2) ORDER BY cid";
    tx.query(sql, crate::vals![table, schema], |row| row.get(0))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
