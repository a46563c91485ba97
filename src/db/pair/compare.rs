//! What differs between a table of the one file and of the other, found row by row by their ids.

use crate::db::inspect::Cell;
use crate::error::DbError;
use crate::vals;

use super::{Pair, columns, quoted};

/// How a table of the main file would have to change to be as in the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableDiff {
    /// Rows that only the other has.
    pub added: u64,
    /// Rows that only the main one has.
    pub removed: u64,
    /// Rows that both have, with other values.
    pub changed: u64,
    /// Some of each, the lowest ids first.
    pub samples: Vec<RowDiff>,
}

/// One row that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct RowDiff {
    /// Its id.
    pub id: i64,
    /// The shown columns in the main file, when it is there.
    pub now: Option<Vec<Cell>>,
    /// The same in the other.
    pub then: Option<Vec<Cell>>,
    /// The columns whose values differ, when it is in both.
    pub columns: Vec<String>,
}

impl Pair {
    /// Compares a table, whose key is the column `id`. At most `samples` rows of each sort are given, with
    /// the columns `shown` of them. Blocks; what it holds does not grow with the table.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub fn compare(&self, table: &str, shown: &[&str], samples: usize) -> Result<TableDiff, DbError> {
        let mut tx = self.tx();
        let (now, then) = (columns(&mut tx, "main", table)?, columns(&mut tx, "other", table)?);
        let name = quoted(table);
        let mut diff = TableDiff::default();
        let only_in = |schema: &str, rival: &str, is_rival_there: bool| {
            let id = format!("SELECT a.id FROM {schema}.{name} a");
            let order = "ORDER BY a.id";
            if is_rival_there {
                format!("{id} WHERE NOT EXISTS (SELECT 1 FROM {rival}.{name} b WHERE b.id = a.id) {order}")
            } else {
                format!("{id} {order}")
            }
        };
        let mut ids = Vec::new();
        if !then.is_empty() {
            diff.added = self.count(&only_in("other", "main", !now.is_empty()), samples, &mut ids)?;
        }
        if !now.is_empty() {
            diff.removed = self.count(&only_in("main", "other", !then.is_empty()), samples, &mut ids)?;
        }
        let both: Vec<&String> = now.iter().filter(|column| then.contains(column) && *column != "id").collect();
        // A column's own collation would pass over a change of case.
        let differs = |column: &String| {
            let column = quoted(column);
            format!("a.{column} COLLATE BINARY IS NOT b.{column} COLLATE BINARY")
        };
        let joined = format!("FROM main.{name} a JOIN other.{name} b ON b.id = a.id");
        if !both.is_empty() {
            let any = both.iter().map(|column| differs(column)).collect::<Vec<_>>().join(" OR ");
            diff.changed = self.count(&format!("SELECT a.id {joined} WHERE {any} ORDER BY a.id"), samples, &mut ids)?;
        }
        for id in ids {
            let cells = |schema: &str, there: &[String]| -> Result<Option<Vec<Cell>>, DbError> {
                if there.is_empty() {
                    return Ok(None);
                }
                let names = shown.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
                let sql = format!("SELECT {names} FROM {schema}.{name} WHERE id = ?1");
                self.tx().query_opt(&sql, vals![id], |row| (0..shown.len()).map(|column| row.cell(column)).collect())
            };
            let (before, after) = (cells("main", &now)?, cells("other", &then)?);
            let mut changed = Vec::new();
            if before.is_some() && after.is_some() {
                let flags = both.iter().map(|column| differs(column)).collect::<Vec<_>>().join(", ");
                let flags = tx.query_one(&format!("SELECT {flags} {joined} WHERE a.id = ?1"), vals![id], |row| {
                    (0..both.len()).map(|column| row.get::<bool>(column)).collect::<Result<Vec<_>, _>>()
                })?;
                changed = both.iter().zip(flags).filter(|(_, flag)| *flag).map(|(name, _)| (*name).clone()).collect();
            }
            diff.samples.push(RowDiff { id, now: before, then: after, columns: changed });
        }
        Ok(diff)
    }

    /// How many ids a query gives; the first of them are kept.
    fn count(&self, sql: &str, kept: usize, ids: &mut Vec<i64>) -> Result<u64, DbError> {
        let mut count = 0;
        self.tx().each(sql, &[], |row| {
            if count < kept as u64 {
                ids.push(row.get(0)?);
            }
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }
}
