//! Tables of the one file put into the other.

use std::collections::BTreeSet;

use rusqlite::config::DbConfig;

use crate::error::{DbError, Result};
use crate::vals;

use super::{Pair, columns, quoted};

/// How replacing tables ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It is done.
    Done,
    /// Nothing was changed, for rows would point at rows that do not exist, unless these tables go along.
    NeedsTables(Vec<String>),
    /// Nothing was changed, for this table is missing or has other columns here.
    Differs(String),
}

impl Pair {
    /// Puts the rows of these tables in the other file in the place of those in the main one. No trigger
    /// fires and nothing cascades; the counts of rows are made anew, and numbers that were given away are
    /// not given again. Blocks.
    ///
    /// # Errors
    /// Any [`DbError`]; nothing was changed then.
    pub fn replace(&self, tables: &[&str]) -> Result<Replaced, DbError> {
        let no_triggers = self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false);
        no_triggers.map_err(|error| super::db_error(&error))?;
        // Inside of a transaction it would count for nothing, and each deletion would cascade.
        self.run("PRAGMA foreign_keys=OFF; BEGIN IMMEDIATE;")?;
        let outcome = self.replace_each(tables);
        let is_done = matches!(outcome, Ok(Replaced::Done));
        let ended = self.run(if is_done { "COMMIT" } else { "ROLLBACK" });
        // What went wrong first tells more than a transaction that the engine has ended.
        outcome.and_then(|outcome| ended.map(|()| outcome))
    }

    fn replace_each(&self, tables: &[&str]) -> Result<Replaced, DbError> {
        let mut tx = self.tx();
        for table in tables {
            let (names, others) = (columns(&mut tx, "main", table)?, columns(&mut tx, "other", table)?);
            if names.is_empty() || names != others {
                return Ok(Replaced::Differs((*table).to_owned()));
            }
            let (name, names) = (quoted(table), names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "));
            tx.execute(&format!("DELETE FROM main.{name}"), &[])?;
            tx.execute(&format!("INSERT INTO main.{name} ({names}) SELECT {names} FROM other.{name}"), &[])?;
            let sequence = "UPDATE main.sqlite_sequence SET seq = max(seq, coalesce((SELECT max(o.seq) \
                            FROM other.sqlite_sequence o WHERE o.name = ?1), 0)) WHERE name = ?1";
            tx.execute(sequence, vals![*table])?;
            let count = format!("UPDATE main.row_counts SET n = (SELECT count(*) FROM main.{name}) WHERE name = ?1");
            tx.execute(&count, vals![*table])?;
        }
        let mut needed = BTreeSet::new();
        tx.each("PRAGMA main.foreign_key_check", &[], |row| {
            let (child, parent) = (row.get::<String>(0)?, row.get::<String>(2)?);
            // Rows of the backup that pointed nowhere in it were no less wrong there, nor were those of
            // tables that stay.
            match (tables.contains(&child.as_str()), tables.contains(&parent.as_str())) {
                (true, false) => needed.insert(parent),
                (false, true) => needed.insert(child),
                _ => false,
            };
            Ok(true)
        })?;
        if needed.is_empty() { Ok(Replaced::Done) } else { Ok(Replaced::NeedsTables(needed.into_iter().collect())) }
    }
}
