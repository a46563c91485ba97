//! Search by substring. A trigram index finds three characters and more; filling it costs more
//! than the insert itself, so new rows wait above `indexed_to` and changed ones in `products_unindexed` until
//! [`index_waiting`] takes them over. A search looks at both and so sees every committed change.
//!
//! The index only names rows that may match. Whether a row does is decided by one rule for all of them,
//! `found_in`, so that a row is found the same way before and after it is indexed.

use crate::db::Tx;
use crate::error::Result;
use crate::vals;

/// Characters a trigram index needs.
const INDEXED_MIN_CHARS: usize = 3;

/// The condition on `products p` for a text, and its values from parameter `first` on.
pub(super) fn condition(text: &str, first: usize) -> (String, Vec<String>) {
    let matches = |row: &str| format!("found_in(?{first}, {row}.name, {row}.description)");
    // To the index a NUL is the end of what is looked for.
    if text.chars().count() < INDEXED_MIN_CHARS || text.contains('\0') {
        return (matches("p"), vec![text.to_owned()]);
    }
    let phrase = format!("\"{}\"", text.replace('"', "\"\""));
    let second = first + 1;
    // New rows can be many after an import: those that do not match are left out of the list at once.
    let sql = format!(
        "p.id IN (SELECT rowid FROM products_fts WHERE products_fts MATCH ?{second} \
         UNION ALL SELECT id FROM products_unindexed \
         UNION ALL SELECT w.id FROM products w WHERE w.id > (SELECT indexed_to FROM products_indexed) AND {}) \
         AND {}",
        matches("w"),
        matches("p")
    );
    (sql, vec![text.to_owned(), phrase])
}

/// Indexes at most `limit` changed and as many new rows; gives how many it took.
///
/// # Errors
/// Storage errors.
pub fn index_waiting(tx: &mut Tx<'_>, limit: i64) -> Result<usize> {
    let changed = "SELECT id FROM products_unindexed ORDER BY id LIMIT ?1";
    let changed: Vec<i64> = tx.query(changed, vals![limit], |row| row.get(0))?;
    for id in &changed {
        tx.execute("DELETE FROM products_fts WHERE rowid = ?1", vals![*id])?;
        add_to_index(tx, *id)?;
        tx.execute("DELETE FROM products_unindexed WHERE id = ?1", vals![*id])?;
    }
    let new = "SELECT id FROM products WHERE id > (SELECT indexed_to FROM products_indexed) ORDER BY id LIMIT ?1";
    let new: Vec<i64> = tx.query(new, vals![limit], |row| row.get(0))?;
    for id in &new {
        add_to_index(tx, *id)?;
    }
    if let Some(last) = new.last() {
        tx.execute("UPDATE products_indexed SET indexed_to = ?1", vals![*last])?;
    }
    Ok(changed.len() + new.len())
}

fn add_to_index(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let sql = "INSERT INTO products_fts (rowid, name, description) \
               SELECT id, name, description FROM products WHERE id = ?1";
    tx.execute(sql, vals![id])?;
    Ok(())
}

/// Empties the index, for products that were replaced as a whole: it is filled anew, and until then a search
/// reads the rows.
///
/// # Errors
/// Storage errors.
pub fn forget_index(tx: &mut Tx<'_>) -> Result<()> {
    // Row by row, emptying it would cost as much as filling it.
    let made = "SELECT sql FROM sqlite_schema WHERE name = 'products_fts'";
    let made: String = tx.query_one(made, &[], |row| row.get(0))?;
    tx.execute("DROP TABLE products_fts", &[])?;
    tx.execute(&made, &[])?;
    tx.execute("DELETE FROM products_unindexed", &[])?;
    tx.execute("UPDATE products_indexed SET indexed_to = 0", &[])?;
    Ok(())
}

/// True when rows wait to be indexed.
///
/// # Errors
/// Storage errors.
pub fn has_waiting(tx: &mut Tx<'_>) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM products_unindexed) OR EXISTS \
               (SELECT 1 FROM products WHERE id > (SELECT indexed_to FROM products_indexed))";
    Ok(tx.query_one(sql, &[], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, Durability, Engine, EngineOptions, Schema, Val};

    async fn plan(db: &Db, order: &'static str) -> Vec<String> {
        db.read(move |tx| {
            let (condition, values) = condition("kopi", 1);
            let values: Vec<Val<'_>> = values.iter().map(Val::from).collect();
            let sql = format!("EXPLAIN QUERY PLAN SELECT p.id FROM products p WHERE {condition} {order}");
            Ok(tx.query(&sql, &values, |row| row.get::<String>(3))?)
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn search_reads_the_products_that_the_index_names_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let (schema, path) = (Schema::tenant().unwrap(), folder.path().join("shop.db"));
        schema.create(&path, "shop").unwrap();
        let engine = Engine::start(EngineOptions::default()).unwrap();
        let (db, _) = schema.open(&engine, &path, "shop", Durability::Normal).unwrap();
        for order in ["", "ORDER BY p.id LIMIT 10", "ORDER BY p.price_minor, p.id LIMIT 10"] {
            let plan = plan(&db, order).await;
            assert!(plan.iter().any(|step| step.starts_with("SEARCH p USING INTEGER PRIMARY KEY")), "{plan:?}");
            assert!(plan.iter().any(|step| step.starts_with("SEARCH w USING INTEGER PRIMARY KEY")), "{plan:?}");
            assert!(!plan.iter().any(|step| ["SCAN p", "SCAN w"].contains(&step.as_str())), "{plan:?}");
        }
    }
}
