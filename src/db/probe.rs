//! Whether a file can really be opened and read right now: through a connection of its own, for
//! the pooled ones would not notice that the file was replaced under them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;

use crate::error::{DbError, Result};

use super::connection::{Connection, Durability, Role};
use super::failure::db_error;
use super::stamp::Whose;
use super::strange::look;
use super::{Db, Schema, Tx};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A copy is counted as a whole, which takes its time.
const COUNTING_PATIENCE: Duration = Duration::from_secs(600);

impl Schema {
    /// Opens the file of `owner` anew and reads from every table. Blocks.
    ///
    /// # Errors
    /// Why it cannot be used, as [`Schema::open`] would say.
    pub fn probe(&self, path: &Path, owner: &str) -> Result<(), DbError> {
        let connection = connect(path, &Whose::Owners(owner.into(), self.latest()))?;
        let mut tx = Tx::new(&connection.raw);
        for table in tables(&mut tx)? {
            tx.query_opt(&format!("SELECT 1 FROM {} LIMIT 1", quoted(&table)), &[], |_| Ok(()))?;
        }
        Ok(())
    }
}

impl Db {
    /// Opens the file of `owner` anew and reads a row of it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn probe(&self, owner: &'static str) -> Result<()> {
        let db = self.clone();
        let look = move || {
            // Opening another file in its place would harm those who have this one open.
            db.expect_in_place()?;
            // Whatever version it has: this process has it open.
            connect(db.path(), &Whose::Owners(owner.into(), i64::MAX))?;
            Ok(())
        };
        self.shared.engine.run(look).await
    }
}

#[allow(clippy::disallowed_methods, reason = "a connection of its own is the point")]
fn connect(path: &Path, whose: &Whose) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let raw = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| db_error(&error))?;
    raw.busy_timeout(PATIENCE).map_err(|error| db_error(&error))?;
    let connection = Connection::prepare(raw, Role::Reader, Durability::Full, whose)?;
    connection.set_deadline(Instant::now() + PATIENCE);
    Ok(connection)
}

/// The rows of every table of a closed file. Blocks.
///
/// # Errors
/// Any [`DbError`].
pub fn count_rows(path: &Path) -> Result<BTreeMap<String, i64>, DbError> {
    let connection = look(path, COUNTING_PATIENCE)?;
    let mut tx = Tx::new(&connection);
    let mut counts = BTreeMap::new();
    for table in tables(&mut tx)? {
        let count = tx.query_one(&format!("SELECT count(*) FROM {}", quoted(&table)), &[], |row| row.get(0))?;
        counts.insert(table, count);
    }
    Ok(counts)
}

/// The plain tables: neither the engine's own nor the inside of a search index.
fn tables(tx: &mut Tx<'_>) -> Result<Vec<String>, DbError> {
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    tx.query(sql, &[], |row| row.get(0))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
