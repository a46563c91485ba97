//! What a closure of [`Db::read`](super::Db::read) or [`Db::write`](super::Db::write) sees of the
//! database: a few ways to run a statement, values in, typed columns out. No type of the engine
//! leaves this folder, so a tenant can live on another engine without touching a feature.

use crate::clock::Timestamp;
use crate::error::DbError;
use crate::money::Money;

use rusqlite::types::FromSqlError;

use super::failure::db_error;
use super::inspect::Cell;

/// A value bound to a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Val<'a> {
    /// NULL.
    Null,
    /// A 64-bit integer.
    Int(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// The values of a statement: `vals![id, name.as_str(), Option::<i64>::None]`.
#[macro_export]
macro_rules! vals {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Val::from($value)),*] };
}

macro_rules! val_from {
    ($($from:ty => |$value:ident| $to:expr),* $(,)?) => {
        $(impl<'a> From<$from> for Val<'a> {
            fn from($value: $from) -> Self { $to }
        })*
    };
}
val_from! {
    i64 => |v| Val::Int(v),
    i32 => |v| Val::Int(v.into()),
    u32 => |v| Val::Int(v.into()),
    bool => |v| Val::Int(v.into()),
    Timestamp => |v| Val::Int(v.0),
    Money => |v| Val::Int(v.minor()),
    &'a str => |v| Val::Text(v),
    &'a String => |v| Val::Text(v),
    &'a [u8] => |v| Val::Blob(v),
    &'a Vec<u8> => |v| Val::Blob(v),
    &'a [u8; 32] => |v| Val::Blob(v),
}
impl<'a, T: Into<Val<'a>>> From<Option<T>> for Val<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Val::Null, Into::into)
    }
}
impl<'a> From<&'a Option<String>> for Val<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().into()
    }
}

impl rusqlite::ToSql for Val<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// A type a column can be read as.
pub trait FromColumn: rusqlite::types::FromSql {}
impl FromColumn for i64 {}
impl FromColumn for u32 {}
impl FromColumn for bool {}
impl FromColumn for String {}
impl FromColumn for Vec<u8> {}
impl FromColumn for Timestamp {}
impl FromColumn for Money {}
impl<T: FromColumn> FromColumn for Option<T> {}

impl rusqlite::types::FromSql for Timestamp {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value.as_i64().map(Timestamp)
    }
}

impl rusqlite::types::FromSql for Money {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let minor = value.as_i64()?;
        Self::from_minor(minor).ok_or(FromSqlError::OutOfRange(minor))
    }
}

/// One row of a result.
pub struct Row<'r, 's>(&'r rusqlite::Row<'s>);

impl Row<'_, '_> {
    /// The column at this index, counted from 0.
    ///
    /// # Errors
    /// [`DbError::Other`] when the column does not exist or holds another type;
    /// [`DbError::Corrupt`] for a value that nobody here can have written.
    pub fn get<T: FromColumn>(&self, column: usize) -> Result<T, DbError> {
        let value = self.0.get_ref(column).map_err(|error| db_error(&error))?;
        T::column_result(value).map_err(|error| wrong_type(column, &error))
    }

    /// The value at this index, of whatever type.
    ///
    /// # Errors
    /// [`DbError::Other`] when the column does not exist.
    pub fn cell(&self, column: usize) -> Result<Cell, DbError> {
        self.0.get_ref(column).map(Cell::of).map_err(|error| db_error(&error))
    }

    /// The text at this index, borrowed for the life of the row.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn text(&self, column: usize) -> Result<&str, DbError> {
        let value = self.0.get_ref(column).map_err(|error| db_error(&error))?;
        value.as_str().map_err(|error| wrong_type(column, &error))
    }
}

#[cold]
fn wrong_type(column: usize, error: &FromSqlError) -> DbError {
    let text = format!("column {column}: {error}");
    match error {
        // A defect of ours: the column is of another type than is asked for.
        FromSqlError::InvalidType => DbError::Other(text),
        _ => DbError::Corrupt(text),
    }
}

/// An open transaction, or a single statement's connection while nothing was begun.
pub struct Tx<'c> {
    connection: &'c rusqlite::Connection,
    /// The first answer that says the file itself is in trouble. A closure may swallow its errors,
    /// the group commit must not.
    fatal: Option<DbError>,
    /// Several closures share the transaction. When the engine has ended it, nothing more may run: it
    /// would be committed by itself.
    is_of_group: bool,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c rusqlite::Connection) -> Self {
        Self { connection, fatal: None, is_of_group: false }
    }

    /// For one of several closures in the transaction that is open.
    pub(super) fn of_group(connection: &'c rusqlite::Connection) -> Self {
        Self { is_of_group: true, ..Self::new(connection) }
    }

    fn expect_transaction(&self) -> Result<(), DbError> {
        if self.is_of_group && self.connection.is_autocommit() { Err(DbError::Timeout) } else { Ok(()) }
    }

    pub(super) fn fatal(&self) -> Option<&DbError> {
        self.fatal.as_ref()
    }

    /// Makes all later reads of this closure see one state of the database. Free inside a write.
    ///
    /// # Errors
    /// Any [`DbError`] of the engine.
    pub fn snapshot(&mut self) -> Result<(), DbError> {
        if self.connection.is_autocommit() {
            self.execute("BEGIN", &[])?;
        }
        Ok(())
    }

    /// Runs a statement that returns no rows; gives the number of rows changed.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub fn execute(&mut self, sql: &str, values: &[Val<'_>]) -> Result<usize, DbError> {
        self.expect_transaction()?;
        let outcome = prepare(self.connection, sql, values).and_then(|mut statement| statement.raw_execute());
        self.note(outcome)
    }

    /// Runs an INSERT of one row; gives the row's id. `RETURNING id` would build and drop a table of its
    /// own at each run.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub fn insert(&mut self, sql: &str, values: &[Val<'_>]) -> Result<i64, DbError> {
        self.execute(sql, values)?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Makes a statement ready that returns no rows and runs many times, by [`Tx::run`].
    ///
    /// # Errors
    /// Any [`DbError`].
    pub fn prepare(&mut self, sql: &str) -> Result<Prepared<'c>, DbError> {
        let outcome = self.connection.prepare_cached(sql);
        let statement = self.note(outcome)?;
        Ok(Prepared { texts: vec![None; statement.parameter_count()], statement })
    }

    /// Runs a prepared statement with these values, all of them; gives the number of rows changed.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub fn run(&mut self, prepared: &mut Prepared<'c>, values: &[Val<'_>]) -> Result<usize, DbError> {
        self.expect_transaction()?;
        let outcome = prepared.bind(values).and_then(|()| prepared.statement.raw_execute());
        self.note(outcome)
    }

    /// All rows of a query, each turned into a `T`.
    ///
    /// # Errors
    /// Any [`DbError`], or what `read` answers.
    pub fn query<T>(
        &mut self,
        sql: &str,
        values: &[Val<'_>],
        mut read: impl FnMut(&Row<'_, '_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let mut rows_read = Vec::new();
        self.each(sql, values, |row| {
            rows_read.push(read(row)?);
            Ok(true)
        })?;
        Ok(rows_read)
    }

    /// The first row of a query, when there is one.
    ///
    /// # Errors
    /// Any [`DbError`], or what `read` answers.
    pub fn query_opt<T>(
        &mut self,
        sql: &str,
        values: &[Val<'_>],
        mut read: impl FnMut(&Row<'_, '_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        let mut first = None;
        self.each(sql, values, |row| {
            first = Some(read(row)?);
            Ok(false)
        })?;
        Ok(first)
    }

    /// The row of a query that always has one.
    ///
    /// # Errors
    /// Any [`DbError`], or what `read` answers; [`DbError::Other`] without a row.
    pub fn query_one<T>(
        &mut self,
        sql: &str,
        values: &[Val<'_>],
        read: impl FnMut(&Row<'_, '_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.query_opt(sql, values, read)?.ok_or_else(|| DbError::Other(format!("no row from: {sql}")))
    }

    /// Hands each row to `visit` until it answers false; for results too large to hold.
    ///
    /// # Errors
    /// Any [`DbError`], or what `visit` answers.
    pub fn each(
        &mut self,
        sql: &str,
        values: &[Val<'_>],
        mut visit: impl FnMut(&Row<'_, '_>) -> Result<bool, DbError>,
    ) -> Result<(), DbError> {
        self.expect_transaction()?;
        let mut statement = match prepare(self.connection, sql, values) {
            Ok(statement) => statement,
            Err(error) => return self.note(Err(error)),
        };
        let mut rows = statement.raw_query();
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    if !visit(&Row(row))? {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    drop(rows);
                    drop(statement);
                    return self.note(Err(error));
                }
            }
        }
    }

    fn note<T>(&mut self, outcome: rusqlite::Result<T>) -> Result<T, DbError> {
        outcome.map_err(|error| {
            let error = db_error(&error);
            if matches!(error, DbError::Full | DbError::Io(_) | DbError::Corrupt(_)) && self.fatal.is_none() {
                self.fatal = Some(error.clone());
            }
            error
        })
    }
}

/// A statement for many rows of values; see [`Tx::prepare`].
pub struct Prepared<'c> {
    statement: rusqlite::CachedStatement<'c>,
    /// The text bound to each parameter, if it is one. The engine keeps values from run to run, a
    /// text of a row is often that of the row before, and handing one over costs far more than
    /// finding it equal.
    texts: Vec<Option<String>>,
}

impl Prepared<'_> {
    fn bind(&mut self, values: &[Val<'_>]) -> rusqlite::Result<()> {
        if values.len() != self.texts.len() {
            return Err(rusqlite::Error::InvalidParameterCount(values.len(), self.texts.len()));
        }
        for (index, (bound, value)) in self.texts.iter_mut().zip(values).enumerate() {
            if let (Some(bound), Val::Text(text)) = (&*bound, value)
                && bound == text
            {
                continue;
            }
            // Forgotten first, so that a value that is refused is not taken for bound.
            let spare = bound.take();
            self.statement.raw_bind_parameter(index + 1, value)?;
            if let Val::Text(text) = value {
                let mut kept = spare.unwrap_or_default();
                (*text).clone_into(&mut kept);
                *bound = Some(kept);
            }
        }
        Ok(())
    }
}

fn prepare<'c>(
    connection: &'c rusqlite::Connection,
    sql: &str,
    values: &[Val<'_>],
) -> rusqlite::Result<rusqlite::CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql)?;
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(statement)
}
