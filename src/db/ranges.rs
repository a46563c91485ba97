//! Whether the numbers of a strange file are ones that ruko could have written. One that is not would
//! pass the engine's own checks and make an answer fail later: a price that is no amount of money, a
//! stock that overflows at the next order, a last id after which no row can be added.

use crate::error::DbError;
use crate::money::Money;

use super::Tx;
use super::strange::{Doubt, refused, shown, unfit};

/// The greatest whole number that every reader of JSON takes as it is.
const WHOLE_MAX: i64 = (1 << 53) - 1;
/// Milliseconds of the years 0 to 9999: what has a form on the wire.
const TIMES: (i64, i64) = (-62_167_219_200_000, 253_402_300_799_999);

/// Looks at every number of every table. What a number is shows in the name of its column.
///
/// # Errors
/// [`Doubt::Unfit`] with the first column that is out of range; [`Doubt::Failed`].
pub(super) fn check(tx: &mut Tx<'_>) -> Result<(), Doubt> {
    // The tables inside of a search index are not strict, and their numbers are the engine's business.
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict ORDER BY name";
    let columns = "SELECT name FROM pragma_table_info(?1) WHERE type = 'INTEGER'";
    for table in tx.query(tables, &[], |row| row.get::<String>(0)).map_err(refused)? {
        let columns = tx.query(columns, crate::vals![&table], |row| row.get::<String>(0)).map_err(refused)?;
        if let Some(column) = column_out_of_range(tx, &table, &columns).map_err(refused)? {
            return Err(unfit(format!("A value of {}.{} is out of range.", shown(&table), shown(&column))));
        }
    }
    // It has no types, and the next id is one above.
    let ids = "SELECT name FROM sqlite_sequence WHERE typeof(seq) <> 'integer' OR seq NOT BETWEEN 0 AND ?1 LIMIT 1";
    let table = tx.query_opt(ids, crate::vals![WHOLE_MAX], |row| row.get::<String>(0)).map_err(refused)?;
    match table {
        None => Ok(()),
        Some(table) => Err(unfit(format!("The last id of {} is out of range.", shown(&table)))),
    }
}

/// The first of the columns with a number out of its range. Reads the table once.
fn column_out_of_range(tx: &mut Tx<'_>, table: &str, columns: &[String]) -> Result<Option<String>, DbError> {
    if columns.is_empty() {
        return Ok(None);
    }
    let case = |(index, column): (usize, &String)| {
        let (least, greatest) = range_of(column);
        format!("WHEN {} NOT BETWEEN {least} AND {greatest} THEN {index}", quoted(column))
    };
    let cases = columns.iter().enumerate().map(case).collect::<Vec<_>>().join(" ");
    let sql = format!("SELECT CASE {cases} END AS at FROM {} WHERE at IS NOT NULL LIMIT 1", quoted(table));
    let found = tx.query_opt(&sql, &[], |row| row.get::<u32>(0))?;
    Ok(found.and_then(|index| columns.get(index as usize).cloned()))
}

fn range_of(column: &str) -> (i64, i64) {
    if column.ends_with("_minor") {
        (Money::ZERO.minor(), Money::MAX.minor())
    } else if column.ends_with("_at") {
        TIMES
    } else {
        (-WHOLE_MAX, WHOLE_MAX)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
